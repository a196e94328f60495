/** Why a container is not ready, for a person: its state, its last probe, its last log lines. */
import type { ContainerInspect } from '../api/types/index.ts'
import type { ProjectContext } from './context.ts'

const LOG_LINES = 10
const MAX_TEXT = 4096

/** Several lines; safe to print. */
export async function diagnose(
  context: ProjectContext,
  { id, name }: { readonly id: string; readonly name: string },
  now: ContainerInspect,
): Promise<string> {
  const log = await lastLogLines(context, id)
  return [
    `container ${name} is ${describeState(now)}`,
    ...describeProbe(now),
    ...(log.length > 0
      ? [`last log lines of ${name}:`, ...log.map((line) => `  ${line}`)]
      : [`${name} has logged nothing`]),
  ].join('\n')
}

function describeState({ State }: ContainerInspect): string {
  if (State.OOMKilled) return `${State.Status} (out of memory, code ${State.ExitCode})`
  if (!State.Running) return `${State.Status} (code ${State.ExitCode})${State.Error === '' ? '' : `: ${State.Error}`}`
  return State.Health === undefined ? State.Status : `${State.Status} (${State.Health.Status})`
}

function describeProbe({ State }: ContainerInspect): readonly string[] {
  const last = State.Health?.Log.at(-1)
  if (last === undefined) return []
  const output = printableLines(last.Output)
  const head = `last health check ended with ${last.ExitCode}`
  return output.length > 0 ? [`${head}:`, ...output.map((line) => `  ${line}`)] : [`${head}, without output`]
}

async function lastLogLines(context: ProjectContext, id: string): Promise<readonly string[]> {
  const chunks: Buffer[] = []
  try {
    const request = { stdout: true, stderr: true, tail: String(LOG_LINES) }
    for await (const { data } of context.client.containers.logs(id, request, context.signal)) chunks.push(data)
  } catch {
    // the failure itself matters more than its log
  }
  return printableLines(Buffer.concat(chunks).toString()).slice(-LOG_LINES)
}

/** Without control characters: the text comes from inside a container. */
export function printableLines(text: string): readonly string[] {
  return text
    .slice(-MAX_TEXT)
    .split('\n')
    .map((line) => line.replaceAll(/\p{Cc}/gu, ' ').trimEnd())
    .filter((line) => line !== '')
}
