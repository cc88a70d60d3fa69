import type { OAuthClient, TokenResponse } from '@latchkey/core'
import { openInBrowser } from './browser.ts'
import type { SignInRequest } from './request.ts'
import { ask, say } from './terminal.ts'

/**
 * In any browser: the person copies what it ends at, the address or the code in it. Nobody listens at the redirect URI; so
 * the page does not load, and its address is all that is wanted.
 */
export async function byConsole(client: OAuthClient, request: SignInRequest): Promise<TokenResponse> {
  const { scope, params, signal, texts, terminal, openBrowser, onPrompt } = request
  const pending = await client.authorizationUrl({ redirectUri: request.consoleRedirectUri, scope, params })
  const isOpened = await openInBrowser(pending.url, openBrowser)
  if (onPrompt !== undefined) onPrompt({ via: 'console', url: pending.url, isOpened })
  else say(terminal, texts.visit.replaceAll('{url}', pending.url))
  const pasted = await ask(terminal, texts.paste, signal)
  return /[?&](?:code|error|state)=/.test(pasted)
    ? client.exchangeCode(pasted, pending)
    : client.exchangePastedCode(pasted, pending)
}
