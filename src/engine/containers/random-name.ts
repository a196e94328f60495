/** PURE: names for containers that got none: "calm_heron". */
const ADJECTIVES =
  'able brave brisk calm clear clever cosy crisp deft eager fair fleet fond fresh glad grand hardy keen kind lively lucid mellow merry neat nimble noble plain proud quick quiet ready sharp sleek smart snug solid spry steady sunny swift tidy trim vivid warm wise witty zesty'.split(
    ' ',
  )
const ANIMALS =
  'badger beaver bison cod crane crow deer dove eagle eel falcon ferret finch fox gecko goose gull hare hawk heron ibis jay kite lark lemur lynx marten mole moose newt otter owl perch pike plover puffin quail raven robin seal shrew snipe stoat swan tern toad trout vole wren yak'.split(
    ' ',
  )

/** `entropy`: at least 8 hex digits; `attempt` beyond the first appends digits. */
export function nameFromEntropy(entropy: string, attempt: number): string {
  const adjective = ADJECTIVES[Number.parseInt(entropy.slice(0, 4), 16) % ADJECTIVES.length]
  const animal = ANIMALS[Number.parseInt(entropy.slice(4, 8), 16) % ANIMALS.length]
  return `${adjective}_${animal}${attempt === 0 ? '' : attempt}`
}
