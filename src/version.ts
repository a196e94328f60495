/** The version of this package, as package.json says (the bundler writes it in). Imports nothing else. */
import packageJson from '../package.json' with { type: 'json' }

export const VERSION: string = packageJson.version
