/** "2 minutes ago" as the docker CLI says it. Source: go-units HumanDuration (its thresholds are observable output). */

/** `seconds` of a duration in rough words. */
export function formatRoughDuration(seconds: number): string {
  const whole = Math.floor(seconds)
  if (whole < 1) return 'Less than a second'
  if (whole === 1) return '1 second'
  if (whole < 60) return `${whole} seconds`
  const minutes = Math.floor(whole / 60)
  if (minutes === 1) return 'About a minute'
  if (minutes < 60) return `${minutes} minutes`
  const hours = Math.floor(whole / 3600 + 0.5)
  if (hours === 1) return 'About an hour'
  if (hours < 48) return `${hours} hours`
  if (hours < 24 * 7 * 2) return `${Math.floor(hours / 24)} days`
  if (hours < 24 * 30 * 2) return `${Math.floor(hours / 24 / 7)} weeks`
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`
  return `${Math.floor(whole / 3600 / 24 / 365)} years`
}

export function formatAgo(unixSeconds: number, nowMs: number): string {
  return `${formatRoughDuration(Math.max(0, nowMs / 1000 - unixSeconds))} ago`
}
