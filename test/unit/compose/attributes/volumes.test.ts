import { testAttribute } from './table.ts'

const rest = 'volumes: { data: }\n'

testAttribute(
  'volumes',
  [
    {
      name: 'named',
      input: 'volumes: ["data:/d"]',
      rest,
      want: { volumes: [{ type: 'volume', source: 'data', target: '/d', volume: {} }] },
    },
    {
      name: 'named, read-only, no copy',
      input: 'volumes: ["data:/d:ro,nocopy"]',
      rest,
      want: { volumes: [{ type: 'volume', source: 'data', target: '/d', readOnly: true, volume: { nocopy: true } }] },
    },
    { name: 'anonymous', input: 'volumes: [/d]', want: { volumes: [{ type: 'volume', target: '/d', volume: {} }] } },
    {
      name: 'bind relative to the file',
      input: 'volumes: ["./src:/app:ro"]',
      want: {
        volumes: [
          { type: 'bind', source: '/project/src', target: '/app', readOnly: true, bind: { createHostPath: true } },
        ],
      },
    },
    {
      name: 'bind above the file, in the home, absolute',
      input: 'volumes: ["../a:/a", "~/b:/b", "/c:/c"]',
      want: {
        volumes: [
          { type: 'bind', source: '/a', target: '/a', bind: { createHostPath: true } },
          { type: 'bind', source: '/home/me/b', target: '/b', bind: { createHostPath: true } },
          { type: 'bind', source: '/c', target: '/c', bind: { createHostPath: true } },
        ],
      },
    },
    {
      name: 'propagation and SELinux label',
      input: 'volumes: ["/c:/c:rshared,Z"]',
      want: {
        volumes: [
          {
            type: 'bind',
            source: '/c',
            target: '/c',
            bind: { createHostPath: true, propagation: 'rshared', selinux: 'Z' },
          },
        ],
      },
    },
    {
      name: 'the target is cleaned',
      input: 'volumes: ["data:/d//e/../"]',
      rest,
      want: { volumes: [{ type: 'volume', source: 'data', target: '/d', volume: {} }] },
    },
    {
      name: 'long bind',
      input: 'volumes: [{ type: bind, source: ./x, target: /x, bind: { create_host_path: false } }]',
      want: { volumes: [{ type: 'bind', source: '/project/x', target: '/x', bind: { createHostPath: false } }] },
    },
    {
      name: 'long tmpfs',
      input: 'volumes: [{ type: tmpfs, target: /t, tmpfs: { size: 64m, mode: 0700 } }]',
      want: { volumes: [{ type: 'tmpfs', target: '/t', tmpfs: { size: 67_108_864, mode: 0o700 } }] },
    },
    {
      name: 'long volume with subpath and labels',
      input: 'volumes: [{ type: volume, source: data, target: /d, volume: { subpath: a, labels: [x=y] } }]',
      rest,
      want: {
        volumes: [{ type: 'volume', source: 'data', target: '/d', volume: { subpath: 'a', labels: { x: 'y' } } }],
      },
    },
    {
      name: 'image',
      input: 'volumes: [{ type: image, source: tools, target: /t, image: { subpath: bin } }]',
      want: { volumes: [{ type: 'image', source: 'tools', target: '/t', image: { subpath: 'bin' } }] },
    },
  ],
  [
    { name: 'an undefined volume', input: 'volumes: ["data:/d"]', want: ['UNDEFINED_VOLUME 4:15'] },
    { name: 'a relative target', input: 'volumes: ["./a:b"]', want: ['INVALID_VALUE 4:15'] },
    { name: 'an unknown option', input: 'volumes: ["/a:/b:readonly"]', want: ['INVALID_VALUE 4:15'] },
    { name: 'too many parts', input: 'volumes: ["/a:/b:ro:z"]', want: ['INVALID_VALUE 4:15'] },
    { name: 'a mount without target', input: 'volumes: [{ type: bind, source: /a }]', want: ['SCHEMA_REQUIRED 4:15'] },
    { name: 'an unknown type', input: 'volumes: [{ type: bnd, target: /a }]', want: ['SCHEMA_VALUE 4:23'] },
    { name: 'a place that tmpfs takes too', input: 'volumes: ["/a:/x"]\ntmpfs: /x', want: ['DUPLICATE_MOUNT 5:12'] },
  ],
)
