import type { OAuthClient } from '@latchkey/core'
import { abortable } from '@latchkey/core/terminal'
import { openInBrowser } from './browser.ts'
import { LoopbackReceiver } from './loopback.ts'
import type { Keep, SignInRequest } from './request.ts'

/** In the browser of this machine, which comes back to a loopback address (RFC 8252 §7.3). */
export async function byLoopback<Kept>(
  client: OAuthClient,
  request: SignInRequest,
  keep: Keep<Kept>,
): Promise<Kept> {
  const { scope, params, signal, openBrowser, onPrompt } = request
  const receiver = await LoopbackReceiver.listen(request.loopback)
  try {
    const { redirectUri } = receiver
    const pending = await abortable(client.authorizationUrl({ redirectUri, scope, params }), signal)
    const answer = receiver.receive(pending.state, signal)
    // Before anything else can fail, so that nobody is told of a rejection that was not waited for.
    answer.catch(() => {})
    const isOpened = await openInBrowser(pending.url, openBrowser)
    onPrompt({ via: 'loopback', url: pending.url, isOpened })
    const { query, tell } = await answer
    try {
      const kept = await keep(client.exchangeCode(query, pending))
      tell('success')
      return kept
    } catch (error) {
      tell('error')
      throw error
    }
  } finally {
    await receiver.close()
  }
}
