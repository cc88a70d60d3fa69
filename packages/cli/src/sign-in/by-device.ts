import type { OAuthClient } from '@latchkey/core'
import { openInBrowser } from './browser.ts'
import type { Keep, SignInRequest } from './request.ts'

/** On another device, with a code that is shown here (RFC 8628). */
export async function byDevice<Kept>(
  client: OAuthClient,
  request: SignInRequest,
  keep: Keep<Kept>,
): Promise<Kept> {
  const { scope, params, audience, signal, openBrowser, onPrompt } = request
  const device = await client.deviceAuthorization({ scope, params, audience, signal })
  const { userCode, verificationUri, verificationUriComplete, expiresAt } = device
  const url = verificationUriComplete ?? verificationUri
  const isOpened = await openInBrowser(url, openBrowser)
  onPrompt({ via: 'device', userCode, verificationUri, verificationUriComplete, expiresAt, url, isOpened })
  return keep(device.tokens({ signal: later(signal, lateAnswerMs) }))
}

/** So long an answer may be under way when it is no longer waited for. It may bring the tokens, which are revoked then. */
const lateAnswerMs = 2_000

function later(signal: AbortSignal, delayMs: number): AbortSignal {
  const late = new AbortController()
  const onAbort = (): void => void setTimeout(() => late.abort(signal.reason), delayMs)
  signal.addEventListener('abort', onAbort, { once: true })
  return late.signal
}
