/**
 * Published ports as `ps` shows them: "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp, 443/tcp"; neighbouring ports are one
 * range. The shape is the docker CLI's.
 */
import type { PublishedPort } from '../../api/types/index.ts'

interface Range {
  readonly ip: string
  readonly type: string
  readonly publicFirst: number | undefined
  readonly first: number
  length: number
}

export function formatPorts(ports: readonly PublishedPort[]): string {
  const sorted = ports.toSorted(
    (a, b) =>
      a.PrivatePort - b.PrivatePort ||
      a.Type.localeCompare(b.Type) ||
      Number(isV6(a)) - Number(isV6(b)) ||
      (a.IP ?? '').localeCompare(b.IP ?? '') ||
      (a.PublicPort ?? 0) - (b.PublicPort ?? 0),
  )
  const ranges: Range[] = []
  for (const port of sorted) {
    const open = ranges.find((range) => continues(range, port))
    if (open === undefined) ranges.push(toRange(port))
    else open.length += 1
  }
  return ranges.map(formatRange).join(', ')
}

const isV6 = ({ IP = '' }: PublishedPort): boolean => IP.includes(':')

function toRange({ IP = '', Type, PublicPort, PrivatePort }: PublishedPort): Range {
  return { ip: IP, type: Type, publicFirst: PublicPort, first: PrivatePort, length: 1 }
}

function continues(range: Range, port: PublishedPort): boolean {
  return (
    range.ip === (port.IP ?? '') &&
    range.type === port.Type &&
    range.first + range.length === port.PrivatePort &&
    (range.publicFirst === undefined
      ? port.PublicPort === undefined
      : range.publicFirst + range.length === port.PublicPort)
  )
}

function formatRange({ ip, type, publicFirst, first, length }: Range): string {
  const span = (start: number): string => (length === 1 ? `${start}` : `${start}-${start + length - 1}`)
  if (publicFirst === undefined) return `${span(first)}/${type}`
  return `${formatHost(ip, span(publicFirst))}->${span(first)}/${type}`
}

/** "[::]:80" for IPv6. */
export function formatHost(ip: string, port: string): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`
}
