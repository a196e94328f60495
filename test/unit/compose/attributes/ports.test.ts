import { testAttribute } from './table.ts'

const tcp = { mode: 'ingress', protocol: 'tcp' } as const

testAttribute(
  'ports',
  [
    { name: 'container port only', input: 'ports: ["80"]', want: { ports: [{ ...tcp, target: 80 }] } },
    { name: 'a number', input: 'ports: [80]', want: { ports: [{ ...tcp, target: 80 }] } },
    {
      name: 'host and container',
      input: 'ports: ["8080:80"]',
      want: { ports: [{ ...tcp, target: 80, published: '8080' }] },
    },
    { name: 'unquoted', input: 'ports:\n  - 8080:80', want: { ports: [{ ...tcp, target: 80, published: '8080' }] } },
    {
      name: 'udp',
      input: 'ports: ["53:53/udp"]',
      want: { ports: [{ mode: 'ingress', protocol: 'udp', target: 53, published: '53' }] },
    },
    {
      name: 'one address only',
      input: 'ports: ["127.0.0.1:8080:80"]',
      want: { ports: [{ ...tcp, target: 80, published: '8080', hostIp: '127.0.0.1' }] },
    },
    {
      name: 'an address and a random port',
      input: 'ports: ["127.0.0.1::80"]',
      want: { ports: [{ ...tcp, target: 80, hostIp: '127.0.0.1' }] },
    },
    {
      name: 'IPv6 in brackets',
      input: 'ports: ["[::1]:8080:80"]',
      want: { ports: [{ ...tcp, target: 80, published: '8080', hostIp: '::1' }] },
    },
    {
      name: 'IPv6 without brackets',
      input: 'ports: ["::1:8080:80"]',
      want: { ports: [{ ...tcp, target: 80, published: '8080', hostIp: '::1' }] },
    },
    {
      name: 'equal ranges are expanded',
      input: 'ports: ["8000-8001:80-81"]',
      want: {
        ports: [
          { ...tcp, target: 80, published: '8000' },
          { ...tcp, target: 81, published: '8001' },
        ],
      },
    },
    {
      name: 'a range of container ports',
      input: 'ports: ["3000-3001"]',
      want: {
        ports: [
          { ...tcp, target: 3000 },
          { ...tcp, target: 3001 },
        ],
      },
    },
    {
      name: 'a host range for one container port stays',
      input: 'ports: ["8000-8010:80"]',
      want: { ports: [{ ...tcp, target: 80, published: '8000-8010' }] },
    },
    {
      name: 'long syntax',
      input: `
        ports:
          - { name: web, target: 80, published: 8080, host_ip: 127.0.0.1, protocol: tcp, app_protocol: http, mode: host }`,
      want: {
        ports: [
          {
            name: 'web',
            target: 80,
            published: '8080',
            hostIp: '127.0.0.1',
            protocol: 'tcp',
            appProtocol: 'http',
            mode: 'host',
          },
        ],
      },
    },
    {
      name: 'long syntax with texts',
      input: 'ports: [{ target: "80", published: "8000-8010" }]',
      want: { ports: [{ ...tcp, target: 80, published: '8000-8010' }] },
    },
    {
      name: 'interpolated',
      input: 'ports: ["${PORT}:80"]',
      environment: { PORT: '9000' },
      want: { ports: [{ ...tcp, target: 80, published: '9000' }] },
    },
  ],
  [
    { name: 'a word', input: 'ports: ["http"]', want: ['INVALID_VALUE 4:13'] },
    { name: 'a port above 65535', input: 'ports: ["80:70000"]', want: ['INVALID_VALUE 4:13'] },
    { name: 'a range that runs backwards', input: 'ports: ["90-80"]', want: ['INVALID_VALUE 4:13'] },
    { name: 'ranges of different length', input: 'ports: ["8000-8002:80-81"]', want: ['INVALID_VALUE 4:13'] },
    { name: 'an unknown protocol', input: 'ports: ["80/icmp"]', want: ['INVALID_VALUE 4:13'] },
    { name: 'a bad address', input: 'ports: ["300.0.0.1:80:80"]', want: ['INVALID_VALUE 4:13'] },
    { name: 'an empty text', input: 'ports: [""]', want: ['INVALID_VALUE 4:13'] },
    { name: 'a boolean', input: 'ports: [true]', want: ['SCHEMA_TYPE 4:13'] },
    { name: 'a mapping without target', input: 'ports: [{ published: 80 }]', want: ['SCHEMA_REQUIRED 4:13'] },
    { name: 'an unknown key', input: 'ports: [{ target: 80, publish: 80 }]', want: ['UNKNOWN_KEY 4:27'] },
    { name: 'a bad long address', input: 'ports: [{ target: 80, host_ip: local }]', want: ['INVALID_VALUE 4:36'] },
  ],
)
