import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import type { AuthorizationServer } from '../authorization-server/server.ts'
import type { Route } from '../http/emulator-server.ts'
import { bearerToken, type ReceivedRequest } from '../http/received-request.ts'
import { json, type Reply } from '../http/reply.ts'
import type { Auth0Switches, Auth0Tenant } from './tenant.ts'

const METHODS: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']

/**
 * An API that answers every path with what it was sent, for access tokens that name it as their audience. The credentials
 * are not repeated; the request log has them.
 */
export function echoRoutes(
  as: AuthorizationServer,
  tenant: Auth0Tenant,
  switches: Auth0Switches,
): readonly Route<'echo'>[] {
  const echo = async (request: ReceivedRequest): Promise<Reply> => {
    const { method, target } = request
    if (hasKey(request, tenant)) return json(200, { method, target, headers: withoutCredentials(request) })
    const token = bearerToken(request) ?? ''
    const claims = await claimsOf(token, as, tenant)
    if (claims === undefined || (switches.apiAccepts === 'live' && as.introspect(token) === undefined))
      return json(401, { error: 'invalid_token' }, { 'www-authenticate': 'Bearer error="invalid_token"' })
    return json(200, {
      method,
      target,
      sub: claims.sub,
      scope: claims.scope,
      headers: withoutCredentials(request),
    })
  }
  return [{ endpoint: 'echo', methods: METHODS, path: /^/, handle: echo }]
}

/** Whether a request brings the tenant's API key: all of it, or the part before the first colon. */
function hasKey({ headers }: ReceivedRequest, { apiKey }: Auth0Tenant): boolean {
  if (apiKey === undefined || headers['x-api-key-id'] !== apiKey.id) return false
  return [apiKey.key, apiKey.key.split(':', 1)[0]].includes(String(headers['x-api-key']))
}

function withoutCredentials({ headers }: ReceivedRequest): object {
  const { authorization: _, 'x-api-key': __, ...rest } = headers
  return rest
}

/** What a token says, if it is signed by the tenant, for this API, and has not expired. */
async function claimsOf(
  token: string,
  as: AuthorizationServer,
  { domain, audience }: Auth0Tenant,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  try {
    // The option takes any JWK Set; jose checks its keys itself.
    const keys = createLocalJWKSet(as.keys.jwks() as unknown as JSONWebKeySet)
    const { payload } = await jwtVerify(token, keys, {
      issuer: [as.issuer, `https://${domain}/`],
      audience,
      currentDate: new Date(as.clock.now() * 1000),
    })
    return payload
  } catch {
    return undefined
  }
}
