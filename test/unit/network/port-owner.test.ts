import assert from 'node:assert/strict'
import { test } from 'node:test'
import { socketInodes } from '../../../src/network/port-owner.ts'

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0
   1: 0100007F:1F90 0100007F:C001 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0
   2: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 99 2 0 0
`

test('listening sockets count for TCP, all for UDP', () => {
  assert.deepEqual(socketInodes(TABLE, 8080, 'tcp'), ['4711'])
  assert.deepEqual(socketInodes(TABLE, 53, 'udp'), ['99'])
  assert.deepEqual(socketInodes(TABLE, 80, 'tcp'), [])
  assert.deepEqual(socketInodes('', 80, 'tcp'), [])
})
