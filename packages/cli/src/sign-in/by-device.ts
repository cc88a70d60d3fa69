import type { OAuthClient, TokenResponse } from '@latchkey/core'
import { renderUnicodeCompact } from 'uqr'
import { openInBrowser } from './browser.ts'
import type { SignInRequest } from './request.ts'
import { draw, say } from './terminal.ts'

/** On another device, with a code that is shown here (RFC 8628). */
export async function byDevice(client: OAuthClient, request: SignInRequest): Promise<TokenResponse> {
  const { scope, params, audience, signal, texts, terminal, openBrowser, onPrompt } = request
  const device = await client.deviceAuthorization({ scope, params, audience, signal })
  const { userCode, verificationUri, verificationUriComplete, expiresAt } = device
  const url = verificationUriComplete ?? verificationUri
  const isOpened = await openInBrowser(url, openBrowser)
  if (onPrompt !== undefined) {
    onPrompt({ via: 'device', userCode, verificationUri, verificationUriComplete, expiresAt, url, isOpened })
  } else {
    const said = texts.device.replaceAll('{code}', userCode).replaceAll('{url}', verificationUri)
    say(terminal, said)
    if (terminal.output?.isTTY ?? process.stderr.isTTY) draw(terminal, renderUnicodeCompact(url))
  }
  return device.tokens({ signal })
}
