/** A user with what a sign-in would have brought. */
export interface BenchUser {
  readonly id: string
  readonly name: string
  /** Absent: signed in, without access to the provider's API. */
  readonly tokens?: BenchTokens
}

/** A token set as a session or a vault keeps it. */
export interface BenchTokens {
  readonly accessToken: string
  readonly refreshToken: string
  /** Epoch seconds. */
  readonly expiresAt: number
  readonly scope: readonly string[]
}

/** How long tokens are: `opaque` as Spotify's, `jwt` as those of a server that puts many claims in. */
export type TokenKind = 'none' | 'opaque' | 'jwt'

/** Lengths of access and refresh tokens. */
const lengths = { opaque: [200, 131], jwt: [4096, 1024] } as const
const lifetimeSeconds = 6 * 3600

/** So many users, by number; their tokens do not expire during a benchmark. */
export function benchUsers(
  count: number,
  kind: TokenKind = 'opaque',
  first: number = 0,
): readonly BenchUser[] {
  const expiresAt = Math.floor(Date.now() / 1000) + lifetimeSeconds
  return Array.from({ length: count }, (_, index) => {
    const number = String(first + index).padStart(6, '0')
    const user = { id: `user-${number}`, name: `User ${number}` }
    if (kind === 'none') return user
    const [access, refresh] = lengths[kind]
    const tokens = {
      accessToken: tokenOf(`access-${number}`, access),
      refreshToken: tokenOf(`refresh-${number}`, refresh),
      expiresAt,
      scope: ['user-read-email', 'user-top-read'],
    }
    return { ...user, tokens }
  })
}

/** What the upstream server recognises a token by. */
export function tokenMark(accessToken: string): string {
  return accessToken.slice(0, 'access-000000'.length)
}

// Different in every place, so that nothing compresses it.
function tokenOf(start: string, length: number): string {
  let text = start
  let state = [...start].reduce((sum, letter) => Math.imul(sum, 31) + letter.charCodeAt(0), 7)
  while (text.length < length) {
    state = Math.imul(state ^ (state >>> 13), 0x5bd1e995) + 0x9e3779b9
    text += (state >>> 0).toString(36)
  }
  return text.slice(0, length)
}
