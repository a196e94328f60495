/**
 * The images of the examples, and how `mycompose image bootstrap` makes them from Debian packages (examples/images.json).
 * Those with `registry` have their true names: where a registry is reached they are pulled instead, and so is the base of
 * the others. The demo, the tests and the benchmarks ask here. Plain JavaScript for Node >= 20.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Names of the images in `recipes` that the text of a Compose file uses, sorted.
 * @param {string} composeText
 * @param {Record<string, unknown>} recipes
 */
export function imagesOf(composeText, recipes) {
  const used = new Set()
  for (const [, name] of composeText.matchAll(/^\s*image:\s*["']?([^\s"'#]+)/gm)) used.add(name)
  return Object.keys(recipes)
    .filter((name) => used.has(name))
    .toSorted()
}

/** examples/images.json: name -> recipe. */
export function readRecipes(repository) {
  return JSON.parse(readFileSync(join(repository, 'examples/images.json'), 'utf8'))
}

/**
 * Names among these images, and among what they stand on, that a registry may have; sorted.
 * @param {readonly string[]} names
 * @param {Record<string, { from: string, registry?: boolean }>} recipes
 */
export function registryNames(names, recipes) {
  const wanted = names.map((name) => (recipes[name].registry === true ? name : recipes[name].from))
  return [...new Set(wanted)].toSorted()
}

/**
 * Arguments of mycompose that make the image.
 * @param {string} name
 * @param {{ from: string, include: string[], changes: string[] }} recipe
 */
export function bootstrapArguments(name, { from, include, changes }) {
  const options = changes.flatMap((change) => ['--change', change])
  const packages = include.length === 0 ? [] : ['--include', include.join(',')]
  return ['image', 'bootstrap', from, ...(name === from ? [] : ['--tag', name]), ...packages, ...options]
}
