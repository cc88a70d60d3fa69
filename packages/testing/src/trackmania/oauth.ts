import { type Dialect, type OAuthProblem, plainDialect, rfcProblem } from '../authorization-server/dialect.ts'
import { json, type Reply } from '../http/reply.ts'
import { type TrackmaniaSwitches, trackmaniaUser } from './user.ts'

/** The scopes of the API. */
export const TRACKMANIA_SCOPES: readonly string[] = ['clubs', 'read_favorite', 'write_favorite']

/** Trackmania's one host: OAuth and the API. */
export function trackmaniaDialect(switches: TrackmaniaSwitches): Dialect {
  return {
    ...plainDialect('', false),
    brand: { name: 'Trackmania', background: '#0b1f14', panel: '#12331f', ink: '#f2f7f4', accent: '#00d46a' },
    paths: { authorization: '/oauth/authorize', token: '/api/access_token', userinfo: '/api/user' },
    authMethods: () => ['client_secret_post'],
    problem: (problem) => trackmaniaProblem(problem, switches),
    userinfo: trackmaniaUser,
    userId: (user) => trackmaniaUser(user).accountId,
    answersScope: () => false,
    tokenFields: () => ({ token_type: 'bearer' }),
  }
}

function trackmaniaProblem(problem: OAuthProblem, switches: TrackmaniaSwitches): Reply {
  const isLeague = problem.refusedRefreshToken === true && switches.refusedRefreshToken === 'invalid_request'
  const worded = isLeague
    ? { status: 401, error: 'invalid_request', description: 'The refresh token is invalid.' }
    : problem
  if (switches.errorBody === 'rfc') return rfcProblem(worded)
  const { status, error, description } = worded
  return json(status, {
    error,
    error_description: description,
    hint: problem.description,
    message: description,
  })
}
