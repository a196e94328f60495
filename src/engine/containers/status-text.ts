/** PURE: "Up 3 minutes (healthy)", "Exited (0) 2 seconds ago". Source: moby container/state.go, docker/go-units duration.go. */
import type { ContainerDocument } from '../../state/containers.ts'

/** Go-units' words for a span. */
export function humanDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  if (seconds < 1) return 'Less than a second'
  if (seconds === 1) return '1 second'
  if (seconds < 60) return `${seconds} seconds`
  const minutes = Math.floor(seconds / 60)
  if (minutes === 1) return 'About a minute'
  if (minutes < 60) return `${minutes} minutes`
  const hours = Math.round(seconds / 3600)
  if (hours === 1) return 'About an hour'
  if (hours < 48) return `${hours} hours`
  const days = Math.floor(seconds / 86_400)
  if (days < 14) return `${days} days`
  if (days < 60) return `${Math.floor(days / 7)} weeks`
  if (days < 730) return `${Math.floor(days / 30)} months`
  return `${Math.floor(days / 365)} years`
}

export function statusText({ state, health }: ContainerDocument, nowMs: number): string {
  const since = (stamp: string): string => humanDuration(Math.max(0, nowMs - Date.parse(stamp)))
  switch (state.status) {
    case 'created':
      return 'Created'
    case 'running': {
      const probe = health === undefined || health.Status === 'none' ? '' : ` (${probeText(health.Status)})`
      return `Up ${since(state.startedAt)}${probe}`
    }
    case 'paused':
      return `Up ${since(state.startedAt)} (Paused)`
    case 'restarting':
      return `Restarting (${state.exitCode}) ${since(state.finishedAt)} ago`
    case 'exited':
      return `Exited (${state.exitCode}) ${since(state.finishedAt)} ago${state.oomKilled ? ' (out of memory)' : ''}`
    case 'dead':
      return 'Dead'
    default:
      return state.status satisfies never
  }
}

function probeText(status: 'starting' | 'healthy' | 'unhealthy' | 'none'): string {
  return status === 'starting' ? 'health: starting' : status
}
