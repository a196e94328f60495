/**
 * build, deploy, develop, gpus and blkio_config.
 */
import { testAttribute } from './table.ts'

testAttribute(
  'build',
  [
    { name: 'a folder', input: 'build: ./app', want: { build: { context: '/project/app', dockerfile: 'Dockerfile' } } },
    {
      name: 'a URL',
      input: 'build: "https://github.com/a/b.git#main:sub"',
      want: { build: { context: 'https://github.com/a/b.git#main:sub', dockerfile: 'Dockerfile' } },
    },
    {
      name: 'no context',
      input: 'build: { target: t }',
      want: { build: { context: '/project', dockerfile: 'Dockerfile', target: 't' } },
    },
    {
      name: 'all keys',
      input: `
        build:
          context: ..
          dockerfile: D
          args: { A: 1, B: }
          additional_contexts: { src: ./s, img: "docker-image://x", svc: "service:web" }
          cache_from: [a]
          cache_to: [b]
          entitlements: [e]
          extra_hosts: ["h=1.1.1.1"]
          isolation: i
          labels: [l=1]
          network: host
          no_cache: true
          no_cache_filter: f
          platforms: [linux/amd64]
          privileged: true
          provenance: mode=max
          pull: true
          sbom: true
          secrets: [s, { source: s, target: id }]
          shm_size: 1m
          ssh: [default, key=./k]
          tags: [t]
          target: stage
          ulimits: { nofile: 1 }`,
      rest: 'secrets: { s: { file: x } }',
      want: {
        build: {
          context: '/',
          dockerfile: 'D',
          args: { A: '1' },
          additionalContexts: { src: '/project/s', img: 'docker-image://x', svc: 'service:web' },
          cacheFrom: ['a'],
          cacheTo: ['b'],
          entitlements: ['e'],
          extraHosts: [{ host: 'h', ip: '1.1.1.1' }],
          isolation: 'i',
          labels: { l: '1' },
          network: 'host',
          noCache: true,
          noCacheFilter: ['f'],
          platforms: ['linux/amd64'],
          privileged: true,
          provenance: 'mode=max',
          pull: true,
          sbom: 'true',
          secrets: [
            { source: 's', target: 's' },
            { source: 's', target: 'id' },
          ],
          shmSize: 1_048_576,
          ssh: { default: '', key: '/project/k' },
          tags: ['t'],
          target: 'stage',
          ulimits: { nofile: { soft: 1, hard: 1 } },
        },
      },
    },
  ],
  [
    { name: 'two Dockerfiles', input: 'build: { dockerfile: a, dockerfile_inline: b }', want: ['BUILD 4:48'] },
    { name: 'an undefined secret', input: 'build: { secrets: [s] }', want: ['UNDEFINED_SECRET 4:24'] },
  ],
)

testAttribute(
  'deploy',
  [
    {
      name: 'all keys',
      input: `
        deploy:
          mode: replicated
          replicas: "2"
          endpoint_mode: vip
          labels: [a=b]
          placement: { constraints: [c], preferences: [{ spread: s }], max_replicas_per_node: 1 }
          resources:
            limits: { cpus: "0.5", memory: 50M, pids: 10 }
            reservations:
              cpus: 0.25
              memory: 20m
              generic_resources: [{ discrete_resource_spec: { kind: gpu, value: 2 } }]
              devices: [{ capabilities: [gpu], count: all, driver: nvidia, options: { v: "1" } }]
          restart_policy: { condition: on-failure, delay: 5s, max_attempts: 3, window: 2m }
          update_config: { parallelism: 2, delay: 10s, failure_action: pause, monitor: 1s, max_failure_ratio: 0.1, order: start-first }
          rollback_config: { delay: 1s }`,
      want: {
        deploy: {
          mode: 'replicated',
          replicas: 2,
          endpointMode: 'vip',
          labels: { a: 'b' },
          placement: { constraints: ['c'], preferences: [{ spread: 's' }], maxReplicasPerNode: 1 },
          resources: {
            limits: { cpus: 0.5, memory: 52_428_800, pids: 10 },
            reservations: {
              cpus: 0.25,
              memory: 20_971_520,
              genericResources: [{ discreteResourceSpec: { kind: 'gpu', value: 2 } }],
              devices: [{ capabilities: ['gpu'], count: -1, driver: 'nvidia', options: { v: '1' } }],
            },
          },
          restartPolicy: { condition: 'on-failure', delay: 5e9, maxAttempts: 3, window: 120e9 },
          updateConfig: {
            parallelism: 2,
            delay: 10e9,
            failureAction: 'pause',
            monitor: 1e9,
            maxFailureRatio: 0.1,
            order: 'start-first',
          },
          rollbackConfig: { delay: 1e9 },
        },
      },
    },
  ],
  [
    { name: 'a scale that differs', input: 'scale: 2\ndeploy: { replicas: 3 }', want: ['CONFLICTING_VALUES 4:12'] },
    {
      name: 'a limit that differs',
      input: 'mem_limit: 1m\ndeploy: { resources: { limits: { memory: 2m } } }',
      want: ['CONFLICTING_VALUES 4:16'],
    },
    {
      name: 'a container name with replicas',
      input: 'container_name: ab\ndeploy: { replicas: 2 }',
      want: ['CONTAINER_NAME 4:21'],
    },
    {
      name: 'a device without capabilities',
      input: 'deploy: { resources: { reservations: { devices: [{ count: 1 }] } } }',
      want: ['SCHEMA_REQUIRED 4:54'],
    },
  ],
)

testAttribute(
  'gpus',
  [
    { name: 'all', input: 'gpus: all', want: { gpus: [{ count: -1 }] } },
    {
      name: 'a list',
      input: 'gpus: [{ device_ids: ["0"], capabilities: [gpu] }]',
      want: { gpus: [{ deviceIds: ['0'], capabilities: ['gpu'] }] },
    },
  ],
  [{ name: 'count and ids', input: 'gpus: [{ count: 1, device_ids: ["0"] }]', want: ['DEVICE_REQUEST 4:12'] }],
)

testAttribute(
  'develop',
  [
    {
      name: 'watch',
      input: `
        develop:
          watch:
            - { path: ./src, action: sync+exec, target: /src, ignore: a, include: [b], initial_sync: true, exec: { command: [c] } }
            - { path: p.json, action: rebuild }`,
      want: {
        develop: {
          watch: [
            {
              path: '/project/src',
              action: 'sync+exec',
              target: '/src',
              ignore: ['a'],
              include: ['b'],
              initialSync: true,
              exec: { command: ['c'] },
            },
            { path: '/project/p.json', action: 'rebuild' },
          ],
        },
      },
    },
  ],
  [{ name: 'sync without a target', input: 'develop: { watch: [{ path: a, action: sync }] }', want: ['WATCH 4:24'] }],
)

testAttribute('blkio_config', [
  {
    name: 'all keys',
    input: `
      blkio_config:
        weight: 300
        weight_device: [{ path: /dev/sda, weight: 400 }]
        device_read_bps: [{ path: /dev/sdb, rate: 12mb }]
        device_write_bps: [{ path: /dev/sdb, rate: 1024 }]
        device_read_iops: [{ path: /dev/sdb, rate: 120 }]
        device_write_iops: [{ path: /dev/sdb, rate: 30 }]`,
    want: {
      blkioConfig: {
        weight: 300,
        weightDevice: [{ path: '/dev/sda', weight: 400 }],
        deviceReadBps: [{ path: '/dev/sdb', rate: 12_582_912 }],
        deviceWriteBps: [{ path: '/dev/sdb', rate: 1024 }],
        deviceReadIops: [{ path: '/dev/sdb', rate: 120 }],
        deviceWriteIops: [{ path: '/dev/sdb', rate: 30 }],
      },
    },
  },
])
