/** The compiled check of compose.schema.json; see scripts/compile-schema.ts. */
export interface SchemaError {
  readonly keyword: string
  /** JSON pointer to the value. */
  readonly instancePath: string
  /** Pointer into the schema, "#/$defs/service/properties/image/type". */
  readonly schemaPath: string
  readonly params: Readonly<Record<string, unknown>>
  readonly message?: string
  readonly propertyName?: string
}

interface Validate {
  (data: unknown): boolean
  errors?: readonly SchemaError[] | null
}

export declare const validate: Validate
export default validate
