import type { OAuthErrorFields } from '../errors.ts'
import { printable } from '../log.ts'

const longestError = 100
const longestDescription = 200
/** Shorter values would blank out ordinary words. */
const shortestSecret = 6

/** What a token, code or credential looks like in any usual encoding, also in part: a long run with a digit in it. */
const longRun = /[\w+/=~%-]{20,}/g
/** Servers name their log entries like this. A secret of this shape is known, because we sent it. */
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/**
 * The error parameters of an answer, fit for a log line: control characters replaced, cut, and free of every secret
 * that we sent and of all that looks like one, since some servers quote the request, headers and all.
 */
export function oauthErrorFields(
  error: string,
  description: unknown,
  secrets: readonly (string | undefined)[] = [],
): OAuthErrorFields {
  const name = safeText(error, longestError, secrets)
  if (typeof description !== 'string' || description === '') return { error: name }
  return { error: name, description: safeText(description, longestDescription, secrets) }
}

function safeText(text: string, longest: number, secrets: readonly (string | undefined)[]): string {
  let clean = text
  for (const secret of secrets) {
    if (secret === undefined || secret.length < shortestSecret) continue
    for (const spelling of new Set([secret, encodeURIComponent(secret)]))
      clean = clean.replaceAll(spelling, '***')
  }
  clean = clean.replace(longRun, (run) => (/\d/.test(run) && !uuid.test(run) ? '***' : run))
  return printable(clean).slice(0, longest)
}
