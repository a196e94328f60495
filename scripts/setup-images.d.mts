/** Types of setup-images.mjs for the tests and benchmarks, which are TypeScript. */

export interface ImageRecipe {
  readonly from: string
  /** The name is that of an image in a registry. */
  readonly registry?: boolean
  readonly include: readonly string[]
  readonly changes: readonly string[]
}

export function imagesOf(composeText: string, recipes: Readonly<Record<string, ImageRecipe>>): string[]
export function registryNames(names: readonly string[], recipes: Readonly<Record<string, ImageRecipe>>): string[]
export function readRecipes(repository: string): Readonly<Record<string, ImageRecipe>>
export function bootstrapArguments(name: string, recipe: ImageRecipe): string[]
