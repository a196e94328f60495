import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  type LintBase,
  type LintOptions,
  lint,
  lintFailure,
} from '../../../../../../src/engine/build/dockerfile/lint/lint.ts'
import { parseDockerfile } from '../../../../../../src/engine/build/dockerfile/parse.ts'
import { createIgnore } from '../../../../../../src/engine/build/ignore/ignore.ts'

const SCRATCH: LintBase = { env: [], hasShell: false }
const AUTOMATIC = new Map([
  ['BUILDPLATFORM', 'linux/amd64'],
  ['TARGETPLATFORM', 'linux/amd64'],
  ['TARGETOS', 'linux'],
  ['TARGETARCH', 'amd64'],
])

/** "line Rule: message" each. */
function found(text: string, options: LintOptions = {}): readonly string[] {
  const file = parseDockerfile(text, 'Dockerfile')
  const all = lint(file, { automaticArgs: AUTOMATIC, baseOf: () => SCRATCH, ...options })
  return all.map(({ rule, range, message }) => `${range.line} ${rule}: ${message}`)
}

const undefinedVar = (line: number, name: string, hint = ''): string =>
  `${line} UndefinedVar: Usage of undefined variable '$${name}'${hint}`
const secret = (line: number, what: string, name: string): string =>
  `${line} SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (${what} "${name}")`
const casing = (line: number, word: string, majority: string): string =>
  `${line} ConsistentInstructionCasing: Command '${word}' should match the case of the command majority (${majority})`
const multiple = (line: number, word: string): string =>
  `${line} MultipleInstructionsDisallowed: Multiple ${word} instructions should not be used in the same stage because only the last one will be used`
const json = (line: number, word: string): string =>
  `${line} JSONArgsRecommended: JSON arguments recommended for ${word} to prevent unintended behavior related to OS signals`
const description = (line: number, what: string, name: string): string =>
  `${line} InvalidDefinitionDescription: Comment for ${what} should follow the format: \`# ${name} <description>\``

interface Case {
  readonly name: string
  readonly text: string
  readonly options?: LintOptions
  readonly want: readonly string[]
}

function table(title: string, cases: readonly Case[]): void {
  describe(title, () => {
    for (const { name, text, options, want } of cases) it(name, () => assert.deepEqual(found(text, options), want))
  })
}

table('names and casing', [
  {
    name: 'StageNameCasing',
    text: 'FROM scratch AS BadName\nFROM scratch AS good',
    want: ["1 StageNameCasing: Stage name 'BadName' should be lowercase"],
  },
  {
    name: 'FromAsCasing',
    text: 'FROM scratch as a\nFROM scratch AS b',
    want: ["1 FromAsCasing: 'as' and 'FROM' keywords' casing do not match"],
  },
  {
    name: 'FromAsCasing in lower case',
    text: 'from scratch AS a\nfrom scratch as b',
    want: ["1 FromAsCasing: 'AS' and 'from' keywords' casing do not match"],
  },
  {
    name: 'FromAsCasing leaves mixed keywords to the other rule',
    text: 'From scratch as a\nFROM scratch',
    want: [casing(1, 'From', 'uppercase')],
  },
  { name: 'upper case wins', text: 'FROM scratch\ncopy a /a\nCOPY a /b', want: [casing(2, 'copy', 'uppercase')] },
  { name: 'lower case wins', text: 'from scratch\nCOPY a /a\ncopy a /b', want: [casing(2, 'COPY', 'lowercase')] },
  {
    name: 'upper case wins when they are as many',
    text: 'from scratch\nCOPY a /a',
    want: [casing(1, 'from', 'uppercase')],
  },
  { name: 'all in one case', text: 'from scratch\ncopy a /a', want: [] },
  {
    name: 'DuplicateStageName',
    text: 'FROM scratch AS b\nFROM scratch AS b',
    want: ['2 DuplicateStageName: Duplicate stage name "b", stage names should be unique'],
  },
  {
    name: 'ReservedStageName',
    text: 'FROM scratch AS scratch\nFROM scratch AS context',
    want: [
      '1 ReservedStageName: Stage name should not use the same name as reserved stage "scratch"',
      '2 ReservedStageName: Stage name should not use the same name as reserved stage "context"',
    ],
  },
  {
    name: 'NoEmptyContinuation',
    text: 'FROM scratch\nCOPY a \\\n\n.',
    want: ['4 NoEmptyContinuation: Empty continuation line'],
  },
  {
    name: 'MaintainerDeprecated',
    text: 'FROM scratch\nMAINTAINER me',
    want: ['2 MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label'],
  },
  {
    name: 'LegacyKeyValueFormat',
    text: 'FROM scratch\nENV a b\nLABEL c d\nENV a=b',
    want: [
      '2 LegacyKeyValueFormat: "ENV key=value" should be used instead of legacy "ENV key value" format',
      '3 LegacyKeyValueFormat: "LABEL key=value" should be used instead of legacy "LABEL key value" format',
    ],
  },
])

table('descriptions', [
  { name: 'say nothing unless asked', text: '# bad\nARG foo=bar\nFROM scratch', want: [] },
  {
    name: 'say what is wrong when asked',
    text: '# check=experimental=InvalidDefinitionDescription\n# bar this\nARG foo=bar\n# BasE this\nFROM scratch AS base\n# bad\nARG version=1\n# bad\nARG foo=baz bar=qux',
    want: [
      description(3, 'ARG', 'foo'),
      description(5, 'FROM', 'base'),
      description(7, 'ARG', 'version'),
      description(9, 'ARG', '<arg_key>'),
    ],
  },
  {
    name: 'are right when they begin with the name',
    text: '# check=skip=all;experimental=all\n# foo is it\nARG foo=bar\n# base is it\nFROM scratch AS base\n# b is it\nARG a=1 b=2\n# x\n#\nARG c\n# copies\nCOPY a .',
    want: [],
  },
])

table('FROM', [
  { name: 'declared', text: 'ARG base=scratch\nFROM $base', want: [] },
  { name: 'set by the builder', text: 'FROM --platform=$BUILDPLATFORM scratch', want: [] },
  { name: 'declared without a value', text: 'ARG DEBUG\nFROM scratch${DEBUG}', want: [] },
  {
    name: 'UndefinedArgInFrom',
    text: 'ARG tag=latest\nFROM busybox:${tag}${version} AS b',
    want: ["2 UndefinedArgInFrom: FROM argument 'version' is not declared"],
  },
  {
    name: 'UndefinedArgInFrom with the nearest',
    text: 'FROM --platform=$BULIDPLATFORM scratch',
    want: ["1 UndefinedArgInFrom: FROM argument 'BULIDPLATFORM' is not declared (did you mean BUILDPLATFORM?)"],
  },
  {
    name: 'RedundantTargetPlatform',
    text: 'FROM --platform=${TARGETPLATFORM} scratch',
    want: [
      '1 RedundantTargetPlatform: Setting platform to predefined ${TARGETPLATFORM} in FROM is redundant as this is the default behavior',
    ],
  },
  { name: 'a platform made of parts', text: 'FROM --platform=$TARGETOS/$TARGETARCH scratch', want: [] },
  {
    name: 'FromPlatformFlagConstDisallowed',
    text: 'FROM --platform=linux/amd64 scratch',
    want: ['1 FromPlatformFlagConstDisallowed: FROM --platform flag should not use constant value "linux/amd64"'],
  },
  {
    name: 'a constant that the name tells',
    text: 'FROM --platform=linux/amd64 scratch AS my_amd64\nFROM --platform=linux/amd64 scratch AS linux',
    want: [],
  },
  {
    name: 'InvalidDefaultArgInFrom',
    text: 'ARG VERSION\nFROM busybox:$VERSION',
    want: [
      '2 InvalidDefaultArgInFrom: Default value for ARG busybox:$VERSION results in empty or invalid base image name',
    ],
  },
  {
    name: 'InvalidDefaultArgInFrom also when a value is given',
    text: 'ARG IMAGE\nFROM $IMAGE',
    options: { args: { IMAGE: 'busybox' } },
    want: ['2 InvalidDefaultArgInFrom: Default value for ARG $IMAGE results in empty or invalid base image name'],
  },
  { name: 'a default that is empty within a name', text: 'ARG V=""\nFROM busybox:stable${V}', want: [] },
  {
    name: 'InvalidBaseImagePlatform',
    text: 'FROM web',
    options: {
      baseOf: () => ({ ...SCRATCH, mismatch: { image: 'web', expected: 'linux/amd64', actual: 'linux/arm64' } }),
    },
    want: [
      '1 InvalidBaseImagePlatform: Base image web was pulled with platform "linux/arm64", expected "linux/amd64" for current build',
    ],
  },
])

table('variables', [
  { name: 'declared', text: 'FROM scratch\nARG foo\nCOPY a${foo} .', want: [] },
  { name: 'declared in the stage below', text: 'FROM scratch AS base\nARG foo=x\nFROM base\nCOPY $foo .', want: [] },
  { name: 'of RUN are the shell’s', text: 'FROM scratch\nRUN echo $foo', want: [] },
  { name: 'used before', text: 'FROM scratch\nCOPY $foo .\nARG foo=bar', want: [undefinedVar(2, 'foo')] },
  {
    name: 'misspelt',
    text: 'FROM scratch\nARG DIR_ASSETS=assets/\nCOPY $DIR_ASSET .',
    want: [undefinedVar(3, 'DIR_ASSET', ' (did you mean $DIR_ASSETS?)')],
  },
  {
    name: 'PATH is always there',
    text: 'FROM scratch\nENV PATH=$PAHT:/x',
    want: [undefinedVar(2, 'PAHT', ' (did you mean $PATH?)')],
  },
  { name: 'on one line see the old value', text: 'FROM scratch\nENV A=b C=$A', want: [undefinedVar(2, 'A')] },
  {
    name: 'of the base image',
    text: 'FROM web\nENV A=$B',
    options: { baseOf: () => ({ ...SCRATCH, env: ['B=1'] }) },
    want: [],
  },
  {
    name: 'of a base image that is not known',
    text: 'FROM web\nENV A=$B\nCMD x',
    options: { baseOf: () => undefined },
    want: [],
  },
  {
    name: 'in all that is expanded',
    text: 'FROM scratch\nUSER $a\nWORKDIR /$b\nVOLUME $c\nSTOPSIGNAL $d\nLABEL $e=$f\nRUN --mount=type=cache,target=$g x',
    want: [
      undefinedVar(2, 'a'),
      undefinedVar(3, 'b'),
      undefinedVar(4, 'c'),
      undefinedVar(5, 'd'),
      undefinedVar(6, 'e'),
      undefinedVar(6, 'f'),
      undefinedVar(7, 'g'),
    ],
  },
  {
    name: 'in heredocs of COPY',
    text: 'FROM scratch\nCOPY <<E /a\n$a\nE\nCOPY <<"E" /b\n$b\nE',
    want: [undefinedVar(2, 'a')],
  },
  {
    name: 'in stages that are not built',
    text: 'FROM scratch AS a\nCOPY $x .\nFROM scratch AS b\nCOPY $y .',
    options: { stages: new Set([1]) },
    want: [undefinedVar(4, 'y')],
  },
])

table('stages', [
  {
    name: 'WorkdirRelativePath',
    text: 'FROM scratch\nWORKDIR app/\nWORKDIR x',
    want: ['2 WorkdirRelativePath: Relative workdir "app/" can have unexpected results if the base image changes'],
  },
  {
    name: 'a relative one after an absolute one',
    text: 'FROM scratch AS a\nWORKDIR /app\nFROM a\nWORKDIR sub/',
    want: [],
  },
  {
    name: 'JSONArgsRecommended',
    text: 'FROM scratch\nCMD a\nENTRYPOINT b',
    want: [json(2, 'CMD'), json(3, 'ENTRYPOINT')],
  },
  { name: 'a SHELL of one’s own', text: 'FROM scratch AS a\nSHELL ["/sh"]\nCMD a\nFROM a\nENTRYPOINT b', want: [] },
  {
    name: 'a SHELL of the image',
    text: 'FROM web\nCMD a',
    options: { baseOf: () => ({ env: [], hasShell: true }) },
    want: [],
  },
  {
    name: 'MultipleInstructionsDisallowed',
    text: 'FROM scratch\nCMD ["a"]\nHEALTHCHECK CMD ["a"]\nENTRYPOINT ["a"]\nCMD ["b"]\nENTRYPOINT ["b"]\nHEALTHCHECK NONE',
    want: [multiple(2, 'CMD'), multiple(4, 'ENTRYPOINT'), multiple(3, 'HEALTHCHECK')],
  },
  { name: 'one in each stage', text: 'FROM scratch AS a\nCMD ["a"]\nFROM a\nCMD ["b"]', want: [] },
  {
    name: 'SecretsUsedInArgOrEnv',
    text: 'FROM scratch\nARG SECRET_PASSPHRASE\nENV SUPER_Secret=foo password=bar\nARG auth=bar\nENV apikey=1 sun=2\nENV git_key=',
    want: [
      secret(2, 'ARG', 'SECRET_PASSPHRASE'),
      secret(3, 'ENV', 'SUPER_Secret'),
      secret(3, 'ENV', 'password'),
      secret(4, 'ARG', 'auth'),
      secret(5, 'ENV', 'apikey'),
      secret(6, 'ENV', 'git_key'),
    ],
  },
  {
    name: 'names that only look like secrets',
    text: 'FROM scratch\nENV PUBLIC_KEY= secret_File=x monkey=x\nARG public_token\nARG AUTH_MODULE_VERSION',
    want: [],
  },
  { name: 'global ARGs', text: 'ARG TOKEN\nFROM scratch', want: [] },
  {
    name: 'ExposeProtoCasing',
    text: 'FROM scratch\nEXPOSE 80/TcP 8080/udp',
    want: ["2 ExposeProtoCasing: Defined protocol '80/TcP' in EXPOSE instruction should be lowercase"],
  },
  {
    name: 'ExposeInvalidFormat',
    text: 'FROM scratch\nENV P=5000\nEXPOSE [::1]:8080:8080 $P:5000 8000',
    want: ['5000:5000', '[::1]:8080:8080'].map(
      (port) =>
        `3 ExposeInvalidFormat: EXPOSE instruction should not define an IP address or host-port mapping, found '${port}'`,
    ),
  },
])

const ignored = (line: number, verb: string, file: string): string =>
  `${line} CopyIgnoredFile: Attempting to ${verb} file "${file}" that is excluded by .dockerignore`

table('ignored files', [
  {
    name: 'CopyIgnoredFile',
    text: 'FROM scratch\nCOPY ./a/b .\nADD a /x',
    options: { ignore: createIgnore('a') },
    want: [ignored(2, 'Copy', 'a/b'), ignored(3, 'Add', 'a')],
  },
  {
    name: 'of other stages and the network',
    text: 'FROM scratch AS x\nFROM scratch\nCOPY --from=x a .\nADD https://h/a .',
    options: { ignore: createIgnore('a\nhttps:') },
    want: [],
  },
  {
    name: 'with exceptions nothing is told',
    text: 'FROM scratch\nCOPY a .',
    options: { ignore: createIgnore('**\n!b') },
    want: [],
  },
  { name: 'the root', text: 'FROM scratch\nCOPY . .', options: { ignore: createIgnore('.*') }, want: [] },
  {
    name: 'the root without anything in it',
    text: 'FROM scratch\nCOPY . .',
    options: { ignore: createIgnore('*') },
    want: [ignored(2, 'Copy', '.')],
  },
])

table('what is skipped', [
  { name: 'all', text: '#check=skip=all\nFROM scratch as base\ncopy a .', want: [] },
  {
    name: 'some',
    text: '#check=skip=ConsistentInstructionCasing\nFROM scratch as b\ncopy a .',
    want: ["2 FromAsCasing: 'as' and 'FROM' keywords' casing do not match"],
  },
  {
    name: 'above one instruction',
    text: 'FROM scratch\n# check=skip=JSONArgsRecommended // why\nCMD a\n# check=skip=all\nENV password=1\nENTRYPOINT b',
    want: [json(6, 'ENTRYPOINT')],
  },
  {
    name: 'above FROM',
    text: '# x\n\n# check=skip=RedundantTargetPlatform\nFROM --platform=$TARGETPLATFORM scratch',
    want: [],
  },
  {
    name: 'by the request',
    text: '#check=skip=all\nFROM scratch\nMAINTAINER x',
    options: { check: { skip: [], error: false, experimental: [] } },
    want: ['3 MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label'],
  },
])

describe('error=true', () => {
  const failure = (text: string): string | undefined => {
    const file = parseDockerfile(text, 'Dockerfile')
    const options = { baseOf: () => SCRATCH }
    return lintFailure(file, lint(file, options), options)
  }
  it('names each rule once', () => {
    assert.equal(
      failure('#check=error=true\nFROM scratch as b\nMAINTAINER x\nMAINTAINER y'),
      'lint violation found for rules: FromAsCasing, MaintainerDeprecated',
    )
  })
  it('is nothing without findings or without being asked', () => {
    assert.equal(failure('#check=error=true\nFROM scratch'), undefined)
    assert.equal(failure('FROM scratch as b'), undefined)
  })
  it('tells description and page', () => {
    const file = parseDockerfile('FROM scratch as b', 'Dockerfile')
    const [finding] = lint(file, {})
    assert.equal(finding?.url, 'https://docs.docker.com/go/dockerfile/rule/from-as-casing/')
    assert.equal(finding?.description, "The 'as' keyword should match the case of the 'from' keyword")
  })
})
