import type { OAuthClient } from '@latchkey/core'
import { abortable } from '@latchkey/core/terminal'
import { openInBrowser } from './browser.ts'
import type { Keep, SignInRequest } from './request.ts'
import { ask } from './terminal.ts'

/**
 * In any browser: the person copies what it ends at, the address or the code in it. Nobody listens at the redirect URI; so
 * the page does not load, and its address is all that is wanted.
 */
export async function byConsole<Kept>(
  client: OAuthClient,
  request: SignInRequest,
  keep: Keep<Kept>,
): Promise<Kept> {
  const { scope, params, signal, texts, terminal, openBrowser, onPrompt } = request
  const { consoleRedirectUri: redirectUri } = request
  const pending = await abortable(client.authorizationUrl({ redirectUri, scope, params }), signal)
  const isOpened = await openInBrowser(pending.url, openBrowser)
  onPrompt({ via: 'console', url: pending.url, isOpened })
  const pasted = await ask(terminal, texts.paste, signal)
  const isAddress = /[?&](?:code|error|state)=/.test(pasted)
  const exchange = isAddress
    ? client.exchangeCode(pasted, pending)
    : client.exchangePastedCode(pasted, pending)
  return keep(exchange)
}
