import { LatchkeyError } from '../errors.ts'
import type { Provider } from '../protocol/provider.ts'
import type { TokenSet } from '../protocol/token.ts'
import type { Dispatcher } from '../transport/undici.ts'
import type { ApiAccess } from './api-access.ts'
import { authorizedFetch } from './authorized-fetch.ts'
import { authorizedRequest } from './authorized-request.ts'
import { Credentials } from './credentials.ts'
import { resourceServerOf } from './resource-server.ts'
import type { TokenBearer } from './token-bearer.ts'

/** Access by an API key: nothing is minted, stored or refreshed. */
export function keyedAccess(provider: Provider, dispatcher: Dispatcher): ApiAccess {
  const bearer: TokenBearer = {
    origins: resourceServerOf(provider).origins,
    credentials: new Credentials(provider, 'api_key'),
    dispatcher,
    fresh: async () => noToken,
  }
  return {
    fetch: (input, init) => authorizedFetch(bearer, input, init),
    request: (url, options) => authorizedRequest(() => bearer, url, options),
    accessToken: async () => {
      const { id, name } = provider
      throw new LatchkeyError(
        'not_supported',
        `${name} is called with an API key here, so there is no access token to hand out. Use fetch.`,
        { provider: id, reason: 'api_key' },
      )
    },
  }
}

const noToken: TokenSet = { accessToken: '', tokenType: '', receivedAt: 0, scope: [] }
