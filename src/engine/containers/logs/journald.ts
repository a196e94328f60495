/**
 * PURE: entries in journald's native protocol, with docker's fields. Source: systemd.io/JOURNAL_NATIVE_PROTOCOL, Docker
 * docs "Journald logging driver" (fields, attributes as fields).
 */
import type { ContainerDocument } from '../../../state/containers.ts'
import { logAttributes, logTag } from './attributes.ts'
import type { LogEntry } from './entries.ts'

export const JOURNALD_SOCKET = '/run/systemd/journal/socket'

const NEWLINE = 0x0a
const INFO = '6'
const ERROR = '3'
const SHORT_ID = 12

/** journald takes upper case letters, digits and "_", and no "_" at the beginning. */
export function journaldFieldName(name: string): string {
  return name
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]/g, '_')
    .replace(/^_+/, '')
}

/** A value with line feeds goes by its length, so that a container cannot forge fields. */
function field(name: string, value: Buffer): Buffer {
  if (!value.includes(NEWLINE)) return Buffer.concat([Buffer.from(`${name}=`), value, Buffer.from('\n')])
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(value.length))
  return Buffer.concat([Buffer.from(`${name}\n`), length, value, Buffer.from('\n')])
}

function fixedFields(document: ContainerDocument): Buffer {
  const { id, name, image } = document
  const tag = logTag(document)
  const own: readonly (readonly [string, string])[] = [
    ['CONTAINER_ID', id.slice(0, SHORT_ID)],
    ['CONTAINER_ID_FULL', id],
    ['CONTAINER_NAME', name],
    ['CONTAINER_TAG', tag],
    ['IMAGE_NAME', image.reference],
    ['SYSLOG_IDENTIFIER', tag],
  ]
  const taken = new Set([...own.map(([key]) => key), 'MESSAGE', 'PRIORITY', ''])
  const extra = logAttributes(document)
    .map(([key, value]) => [journaldFieldName(key), value] as const)
    .filter(([key]) => !taken.has(key))
  return Buffer.concat([...own, ...extra].map(([key, value]) => field(key, Buffer.from(value))))
}

/** One datagram an entry. */
export function createJournaldFormat(document: ContainerDocument): (entry: LogEntry) => Buffer {
  const fixed = fixedFields(document)
  return ({ time, stream, text, piece }) =>
    Buffer.concat([
      field('MESSAGE', text),
      Buffer.from(`PRIORITY=${stream === 'stdout' ? INFO : ERROR}\nSYSLOG_TIMESTAMP=${time}\n`),
      fixed,
      ...(piece === undefined
        ? []
        : [
            Buffer.from(
              `CONTAINER_PARTIAL_MESSAGE=true\nCONTAINER_PARTIAL_ID=${document.id.slice(0, SHORT_ID)}-${stream}-${time}\nCONTAINER_PARTIAL_ORDINAL=${piece.ordinal}\nCONTAINER_PARTIAL_LAST=${piece.isLast}\n`,
            ),
          ]),
    ])
}
