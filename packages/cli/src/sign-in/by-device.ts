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
  return keep(device.tokens({ signal }))
}
