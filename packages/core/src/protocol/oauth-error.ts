import type { OAuthErrorFields } from '../errors.ts'
import { printable } from '../log.ts'

const longestError = 100
const longestDescription = 200
/** Shorter values would blank out ordinary words. */
const shortestSecret = 6

/**
 * The error parameters of an answer, fit for a log line: control characters replaced, cut, and free of every secret
 * that we sent, since some servers quote the request.
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
  return printable(clean).slice(0, longest)
}
