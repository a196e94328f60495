import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { checkPlatform } from '../../../../src/engine/containers/image-platform.ts'

const IMAGE = { reference: 'web:1', os: 'linux', architecture: 'amd64' }

describe('the platform of a container', () => {
  for (const wanted of [undefined, '', 'linux', 'amd64', 'linux/amd64', 'Linux/x86_64', 'linux/amd64/v2'])
    test(`${wanted} fits linux/amd64`, () => checkPlatform(wanted, IMAGE))

  for (const wanted of ['linux/arm64', 'arm64', 'linux/aarch64', 'windows/amd64', 'linux/arm/v7'])
    test(`${wanted} does not fit linux/amd64`, () =>
      assert.throws(() => checkPlatform(wanted, IMAGE), {
        code: 'IMAGE_PLATFORM',
        message: `image web:1 was found but is for linux/amd64, not for the platform ${wanted}`,
      }))
})
