import { createRequire } from 'node:module'
import type { Dispatcher, Agent as UndiciAgent } from 'undici'

export type { Dispatcher } from 'undici'

// `import 'undici'` replaces the global dispatcher, and with it the behaviour of the host app's own `fetch`.
// These two files of the package do not.
const load = createRequire(import.meta.url)

/** undici's connection pool for any origin. */
export const Agent: typeof UndiciAgent = load('undici/lib/dispatcher/agent.js')

const api: {
  request(this: Dispatcher, options: Dispatcher.RequestOptions): Promise<Dispatcher.ResponseData>
} = load('undici/lib/api/index.js')

/** undici's lean request on `dispatcher`. Follows no redirects and decompresses nothing. */
export function request(
  dispatcher: Dispatcher,
  options: Dispatcher.RequestOptions,
): Promise<Dispatcher.ResponseData> {
  return api.request.call(dispatcher, options)
}
