/** Parsed `filters` of a list request: name -> values; unknown names are InvalidRequestErrors. */
export type Filters = Readonly<Record<string, readonly string[]>>
