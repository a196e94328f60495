/** What came from files, images or containers must not move the cursor or forge lines. */

/** Without control characters; line feeds and tabs stay. */
export function stripControls(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  return text.replaceAll(/[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u2028-\u202E\u2066-\u2069]/g, '')
}
