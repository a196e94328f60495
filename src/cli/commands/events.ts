/** `events`: options and the two forms of a line; the stream is project/event-stream.ts. */
import type { Command } from 'commander'
import { events, type ContainerEvent, type EventsOptions } from '../../project/event-stream.ts'
import { addExamples } from '../help.ts'
import { present } from '../options.ts'
import { stripControls } from '../output/controls.ts'
import type { Invoke } from '../program.ts'

interface EventsFlags {
  readonly json?: boolean
  readonly since?: string
  readonly until?: string
}

export function define(command: Command, invoke: Invoke): void {
  command
    .description('Shows what happens to the containers of a project as it happens: start, die, exec, health and so on.')
    .argument('[SERVICE...]', 'only these services')
    .option('--json', 'one JSON object a line')
    .option('--since <time>', 'from this time on: 2026-01-02T13:23:37Z, or 42m for 42 minutes ago')
    .option('--until <time>', 'up to this time')
    .action((services: readonly string[], { json, since, until }: EventsFlags) =>
      invoke(async (session) => {
        const target = await session.target()
        const options: EventsOptions = { services, ...present({ since, until }) }
        const format = json === true ? formatEventJson : formatEvent
        await session.use(async (context) => {
          for await (const event of events(context, target, options)) await session.print(format(event))
        })
        session.signal.throwIfAborted()
      }),
    )
  addExamples(command, [
    ['events', 'everything, until Ctrl-C'],
    ['events --json --since 10m --until 0s web', 'the last ten minutes of a service, for programs'],
  ])
}

/** As docker compose writes it, in local time. PURE but for the time zone. */
export function formatEvent({ timeMs, action, containerId, attributes }: ContainerEvent): string {
  const all = Object.entries(attributes).map(([name, value]) => `${name}=${value}`)
  return `${stripControls(`${localTime(timeMs)} container ${action} ${containerId} (${all.join(', ')})`)}\n`
}

export function formatEventJson({ timeMs, service, action, containerId, attributes }: ContainerEvent): string {
  const time = new Date(timeMs).toISOString()
  return `${JSON.stringify({ action, attributes, id: containerId, service, time, type: 'container' })}\n`
}

/** "2026-01-02 13:23:37.123456" */
function localTime(timeMs: number): string {
  const date = new Date(timeMs)
  const two = (value: number): string => String(value).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  const micros = String(Math.floor((timeMs * 1000) % 1e6)).padStart(6, '0')
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${micros}`
}
