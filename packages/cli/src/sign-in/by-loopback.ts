import type { OAuthClient, TokenResponse } from '@latchkey/core'
import { openInBrowser } from './browser.ts'
import { LoopbackReceiver } from './loopback.ts'
import type { SignInRequest } from './request.ts'
import { say } from './terminal.ts'

/** In the browser of this machine, which comes back to a loopback address (RFC 8252 §7.3). */
export async function byLoopback(client: OAuthClient, request: SignInRequest): Promise<TokenResponse> {
  const { scope, params, signal, texts, terminal, openBrowser, onPrompt } = request
  const receiver = await LoopbackReceiver.listen(request.loopback)
  try {
    const { redirectUri } = receiver
    const pending = await client.authorizationUrl({ redirectUri, scope, params })
    const answer = receiver.receive(pending.state, signal)
    // Before anything else can fail, so that nobody is told of a rejection that was not waited for.
    answer.catch(() => {})
    const isOpened = await openInBrowser(pending.url, openBrowser)
    if (onPrompt !== undefined) onPrompt({ via: 'loopback', url: pending.url, isOpened })
    else say(terminal, texts.visit.replaceAll('{url}', pending.url))
    const { query, tell } = await answer
    try {
      const response = await client.exchangeCode(query, pending)
      tell('success')
      return response
    } catch (error) {
      tell('error')
      throw error
    }
  } finally {
    await receiver.close()
  }
}
