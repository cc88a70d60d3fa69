import { createHash } from 'node:crypto'
import { TestClock } from '../clock.ts'
import { UserAgent } from '../user-agent.ts'
import { type Spotify, type SpotifyOptions, startSpotify } from './spotify.ts'

/** A port that is not the registered one, as loopback allows. */
export const CALLBACK: string = 'http://127.0.0.1:9/callback/spotify'

const VERIFIER = 'v'.repeat(43)

/** Spotify with the steps of a client written out. */
export class SpotifyFixture {
  readonly spotify: Spotify
  readonly clock: TestClock

  /** See `spotifyFixture`. */
  constructor(spotify: Spotify, clock: TestClock) {
    this.spotify = spotify
    this.clock = clock
  }

  authorizeUrl(params: Record<string, string> = {}): string {
    const { authorizationEndpoint, clientId } = this.spotify.presetOverrides
    const all = { response_type: 'code', client_id: clientId, redirect_uri: CALLBACK, state: 's', ...params }
    return `${authorizationEndpoint}?${new URLSearchParams(all)}`
  }

  /** The code of Ada's consent. */
  async code(params: Record<string, string> = {}): Promise<string> {
    const agent = new UserAgent()
    const page = await agent.get(this.authorizeUrl(params))
    const answer = await agent.submit(page, { button: 'Ada', redirect: 'manual' })
    return new URL(answer.location ?? '').searchParams.get('code') ?? ''
  }

  /** Signs Ada in, with the client secret or with PKCE alone. */
  async signedIn(kind: 'confidential' | 'public', scope = ''): Promise<Record<string, string>> {
    const challenge = createHash('sha256').update(VERIFIER).digest('base64url')
    const pkce = kind === 'public' ? { code_challenge: challenge, code_challenge_method: 'S256' } : {}
    const code = await this.code({ scope, ...pkce })
    const verifier = kind === 'public' ? { code_verifier: VERIFIER } : {}
    return (await this.exchange(kind, code, verifier)).body
  }

  exchange(
    kind: 'confidential' | 'public',
    code: string,
    extra: Record<string, string> = {},
  ): ReturnType<SpotifyFixture['token']> {
    return this.token(kind, { grant_type: 'authorization_code', code, redirect_uri: CALLBACK, ...extra })
  }

  async token(
    kind: 'confidential' | 'public',
    form: Record<string, string>,
  ): Promise<{ readonly status: number; readonly body: Record<string, string> }> {
    const { tokenEndpoint, clientId, clientSecret } = this.spotify.presetOverrides
    const basic = Buffer.from(`${clientId}:${clientSecret}`).toString('base64')
    const response = await fetch(tokenEndpoint, {
      method: 'POST',
      headers: kind === 'confidential' ? { authorization: `Basic ${basic}` } : {},
      body: new URLSearchParams(kind === 'public' ? { client_id: clientId, ...form } : form),
    })
    // The fields that the tests read are strings.
    return { status: response.status, body: (await response.json()) as Record<string, string> }
  }

  refresh(kind: 'confidential' | 'public', token: string | undefined): ReturnType<SpotifyFixture['token']> {
    return this.token(kind, { grant_type: 'refresh_token', refresh_token: token ?? '' })
  }

  async api(
    path: string,
    token: string | undefined,
  ): Promise<{ status: number; headers: Headers; body: unknown }> {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const response = await fetch(this.spotify.apiOrigin + path, { headers })
    return { status: response.status, headers: response.headers, body: await response.json() }
  }

  /** Lets a test write `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.spotify.close()
  }
}

/** Starts Spotify on a frozen clock. */
export async function spotifyFixture(options: SpotifyOptions = {}): Promise<SpotifyFixture> {
  const clock = new TestClock({ frozen: true, startAt: 1_800_000_000 })
  return new SpotifyFixture(await startSpotify({ clock, ...options }), clock)
}
