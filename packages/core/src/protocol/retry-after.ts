const shortestSeconds = 1
const longestSeconds = 3600

/**
 * How long a server asks us to wait, in seconds from `now` (epoch seconds), clamped to one hour.
 * Absent: it says nothing that can be read (RFC 9110 §10.2.3).
 */
export function retryAfterSeconds(
  headers: Readonly<Record<string, string>>,
  now: number,
): number | undefined {
  const value = headers['retry-after']?.trim()
  if (value === undefined || value === '') return undefined
  const seconds = /^\d{1,15}$/.test(value) ? Number(value) : secondsUntil(value, now)
  if (seconds === undefined) return undefined
  return Math.min(Math.max(Math.ceil(seconds), shortestSeconds), longestSeconds)
}

// Date.parse reads much more than HTTP dates ("-1", "12"), so the weekday of IMF-fixdate is asked for.
function secondsUntil(date: string, now: number): number | undefined {
  if (date.length > 60 || !/^[A-Z][a-z]{2,8},? /.test(date)) return undefined
  const at = Date.parse(date)
  return Number.isNaN(at) ? undefined : at / 1000 - now
}
