import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseManifest } from '../../../../src/engine/registry/manifest.ts'
import {
  DOCKER_MANIFEST,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_LAYER,
  OCI_MANIFEST,
} from '../../../../src/engine/registry/media-types.ts'

const DIGEST = `sha256:${'a'.repeat(64)}`
const CONFIG = { mediaType: OCI_CONFIG, digest: DIGEST, size: 7 }
const LAYER = { mediaType: `${OCI_LAYER}+zstd`, digest: DIGEST, size: 9 }
const MANIFEST = { schemaVersion: 2, mediaType: OCI_MANIFEST, config: CONFIG, layers: [LAYER] }

function parse(value: unknown, servedAs?: string): ReturnType<typeof parseManifest> {
  return parseManifest(Buffer.from(JSON.stringify(value)), servedAs)
}

test('a manifest and an index are told apart and read', () => {
  assert.deepEqual(parse(MANIFEST, OCI_MANIFEST), {
    kind: 'manifest',
    mediaType: OCI_MANIFEST,
    config: CONFIG,
    layers: [LAYER],
  })
  const entry = {
    mediaType: OCI_MANIFEST,
    digest: DIGEST,
    size: 3,
    platform: { os: 'linux', architecture: 'arm', variant: 'v7' },
  }
  const unknown = { mediaType: 'application/vnd.example+json', digest: DIGEST, size: 3 }
  assert.deepEqual(parse({ schemaVersion: 2, manifests: [entry, unknown] }, OCI_INDEX), {
    kind: 'index',
    mediaType: OCI_INDEX,
    manifests: [entry],
  })
})

test('OCI documents need not state their type when the registry does', () => {
  const { mediaType: _, ...bare } = MANIFEST
  assert.equal(parse(bare, `${OCI_MANIFEST}; charset=utf-8`).mediaType, OCI_MANIFEST)
})

const REFUSED: readonly (readonly [string, unknown, string | undefined, string])[] = [
  ['both kinds at once (CVE-2021-41190)', { ...MANIFEST, manifests: [] }, OCI_MANIFEST, 'MANIFEST_INVALID'],
  ['another type than served', MANIFEST, DOCKER_MANIFEST, 'MANIFEST_INVALID'],
  ['a manifest that says it is an index', { ...MANIFEST, mediaType: OCI_INDEX }, undefined, 'MANIFEST_INVALID'],
  [
    'a digest that is a path',
    { ...MANIFEST, config: { ...CONFIG, digest: 'sha256:../../etc/passwd' } },
    OCI_MANIFEST,
    'MANIFEST_INVALID',
  ],
  ['a negative size', { ...MANIFEST, layers: [{ ...LAYER, size: -1 }] }, OCI_MANIFEST, 'MANIFEST_INVALID'],
  ['a size that is no number', { ...MANIFEST, layers: [{ ...LAYER, size: '9' }] }, OCI_MANIFEST, 'MANIFEST_INVALID'],
  [
    'too many layers',
    { ...MANIFEST, layers: Array.from({ length: 501 }, () => LAYER) },
    OCI_MANIFEST,
    'MANIFEST_INVALID',
  ],
  [
    'an artifact',
    { ...MANIFEST, config: { ...CONFIG, mediaType: 'application/vnd.cncf.helm.config.v1+json' } },
    OCI_MANIFEST,
    'MANIFEST_ARTIFACT',
  ],
  [
    'a layer of an unknown kind',
    { ...MANIFEST, layers: [{ ...LAYER, mediaType: 'application/x-iso' }] },
    OCI_MANIFEST,
    'MANIFEST_LAYER_TYPE',
  ],
  ['schema 1', { schemaVersion: 1 }, 'application/vnd.docker.distribution.manifest.v1+prettyjws', 'MANIFEST_TYPE'],
  ['a list', [], OCI_MANIFEST, 'MANIFEST_INVALID'],
]

for (const [what, value, servedAs, code] of REFUSED)
  test(`${what} is refused`, () => {
    assert.throws(() => parse(value, servedAs), { code })
  })

test('a document that is no JSON, no UTF-8 or too large is refused', () => {
  for (const bytes of [Buffer.from('<html>'), Buffer.from([0x22, 0xff, 0x22]), Buffer.alloc(4 * 2 ** 20 + 1, 0x20)])
    assert.throws(() => parseManifest(bytes, OCI_MANIFEST), { code: 'MANIFEST_INVALID' })
})
