import { LatchkeyError } from '../errors.ts'
import type { AuthorizationResponse } from '../protocol/authorization-response.ts'
import type { Provider } from '../protocol/provider.ts'
import type { TokenAnswer, TokenSet } from '../protocol/token.ts'
import type { User } from '../protocol/user.ts'
import { startAt } from '../session/session.fixture.ts'
import type { RedeemedCode, SignInClient, UserProfile } from './sign-in-client.ts'

type AuthorizationRequest = Parameters<SignInClient['authorizationUrl']>[0]
type Exchange = Parameters<SignInClient['exchangeCode']>[0]

/** A client whose authorization server is a script. It notes whatever the flows ask of it. */
export class ScriptedSignInClient implements SignInClient {
  readonly provider: Provider
  readonly requests: AuthorizationRequest[] = []
  readonly exchanges: Exchange[] = []
  readonly revoked: string[] = []
  readonly refreshed: TokenSet[] = []
  /** What the next refreshes are answered. */
  readonly answers: ((tokens: TokenSet) => TokenAnswer | Promise<TokenAnswer>)[] = []
  person: Omit<User, 'provider'> = { id: 'ada', name: 'Ada' }
  /** What an authorization response brings beside the code. */
  beside: Omit<AuthorizationResponse, 'code'> = {}
  /** What the server grants; absent: what was asked for. */
  grants: readonly string[] | undefined
  beforeUrl: () => void | Promise<void> = () => {}
  beforeProfile: (tokens: TokenSet) => void | Promise<void> = () => {}
  beforeExchange: () => void | Promise<void> = () => {}
  revocation: () => Promise<boolean> = async () => true

  constructor(id: string, overrides: Partial<Provider> = {}) {
    const name = `${id[0]?.toUpperCase()}${id.slice(1)}`
    // The flows read nothing else of a provider.
    this.provider = {
      id,
      name,
      scope: ['read'],
      responseMode: 'query',
      revocation: 'token',
      ...overrides,
    } as Provider
  }

  identity(): string {
    return `https://${this.provider.id}.example client`
  }

  async authorizationUrl(request: AuthorizationRequest): Promise<string> {
    this.requests.push(request)
    await this.beforeUrl()
    const { redirectUri, state, nonce, scope, prompt, params } = request
    const query = new URLSearchParams({
      client_id: 'client',
      redirect_uri: redirectUri,
      state,
      nonce,
      ...params,
    })
    query.set('scope', scope.join(' '))
    if (prompt !== undefined) query.set('prompt', prompt)
    return `https://${this.provider.id}.example/authorize?${query}`
  }

  async readAuthorizationResponse(parameters: URLSearchParams): Promise<AuthorizationResponse> {
    const error = parameters.get('error')
    const description = parameters.get('error_description')?.slice(0, 200)
    if (error !== null) {
      const oauth = description === undefined ? { error } : { error, description }
      throw new LatchkeyError('access_denied', 'Not signed in.', { provider: this.provider.id, oauth })
    }
    const code = parameters.get('code')
    if (code === null) throw new LatchkeyError('invalid_callback', 'No code.', { reason: 'no_code' })
    return { code, ...this.beside }
  }

  async exchangeCode(exchange: Exchange): Promise<RedeemedCode> {
    this.exchanges.push(exchange)
    await this.beforeExchange()
    return { tokens: this.tokens(`access of ${exchange.code}`, this.grants ?? exchange.scope) }
  }

  tokens(accessToken: string, scope: readonly string[]): TokenSet {
    const refreshToken = accessToken.replace('access', 'refresh')
    return {
      accessToken,
      refreshToken,
      tokenType: 'Bearer',
      receivedAt: startAt,
      expiresAt: startAt + 3600,
      scope,
    }
  }

  async profile({ tokens }: RedeemedCode, described?: AuthorizationResponse['user']): Promise<UserProfile> {
    await this.beforeProfile(tokens)
    const user = { ...this.person, provider: this.provider.id }
    return { user, claims: { ...this.person, ...(described && { user: described }) } }
  }

  canRefresh(tokens: TokenSet): boolean {
    return tokens.refreshToken !== undefined
  }

  async refresh(tokens: TokenSet): Promise<TokenAnswer> {
    this.refreshed.push(tokens)
    const answer = this.answers.shift()
    if (answer === undefined) throw new Error('A refresh was sent that the test did not expect.')
    return answer(tokens)
  }

  async revoke(tokens: TokenSet): Promise<boolean> {
    this.revoked.push(tokens.refreshToken ?? tokens.accessToken)
    return this.revocation()
  }
}
