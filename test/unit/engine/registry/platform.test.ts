import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Index } from '../../../../src/engine/registry/manifest.ts'
import { OCI_INDEX, OCI_MANIFEST } from '../../../../src/engine/registry/media-types.ts'
import {
  choosePlatform,
  formatPlatform,
  matchesPlatform,
  parsePlatform,
} from '../../../../src/engine/registry/platform.ts'

function indexOf(...platforms: readonly string[]): Index {
  const manifests = platforms.map((text, number) => {
    const [os = '', architecture = '', variant] = text.split('/')
    const platform = { os, architecture, ...(variant === undefined ? {} : { variant }) }
    return { mediaType: OCI_MANIFEST, digest: `sha256:${String(number).padStart(64, '0')}`, size: 1, platform }
  })
  return { kind: 'index', mediaType: OCI_INDEX, manifests }
}

function chosen(wanted: string, ...offered: readonly string[]): string {
  const { platform } = choosePlatform(indexOf(...offered), parsePlatform(wanted))
  return platform === undefined ? '' : formatPlatform(platform)
}

const SPELLINGS = [
  ['amd64', 'linux/amd64'],
  ['linux/x86_64', 'linux/amd64'],
  ['linux/aarch64', 'linux/arm64'],
  ['linux/arm64/v8', 'linux/arm64'],
  ['linux/arm', 'linux/arm/v7'],
  ['linux/armel', 'linux/arm/v6'],
  ['Linux/ARM/V6', 'linux/arm/v6'],
  ['linux/arm/7', 'linux/arm/v7'],
] as const

for (const [text, meaning] of SPELLINGS)
  test(`${text} means ${meaning}`, () => {
    assert.equal(formatPlatform(parsePlatform(text)), meaning)
  })

test('nonsense is refused', () => {
  for (const text of ['', 'a/b/c/d', 'linux/', 'linux/../x', 'lin ux/amd64'])
    assert.throws(() => parsePlatform(text), { code: 'PLATFORM_INVALID' })
})

test('the exact entry is chosen, then the next lower variant, never a higher one', () => {
  assert.equal(chosen('linux/arm64', 'linux/amd64', 'linux/arm64/v8'), 'linux/arm64/v8')
  assert.equal(chosen('linux/arm/v7', 'linux/arm/v5', 'linux/arm/v6'), 'linux/arm/v6')
  assert.equal(chosen('linux/amd64/v3', 'linux/amd64', 'linux/amd64/v2', 'linux/amd64/v4'), 'linux/amd64/v2')
  assert.throws(() => chosen('linux/arm/v6', 'linux/arm/v7'), {
    code: 'PLATFORM_MISSING',
    hint: 'there is linux/arm/v7',
  })
})

test('attestations are no images', () => {
  assert.throws(() => chosen('linux/amd64', 'unknown/unknown', 'linux/s390x'), { hint: 'there is linux/s390x' })
})

test('an image of another architecture does not match', () => {
  assert.equal(matchesPlatform(parsePlatform('linux/amd64'), parsePlatform('linux/amd64')), true)
  assert.equal(matchesPlatform(parsePlatform('linux/386'), parsePlatform('linux/amd64')), false)
})
