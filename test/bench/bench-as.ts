import { type AuthorizationServer, startAuthorizationServer, type TestClock } from '@latchkey/testing'
import { type BenchUser, benchUsers } from './bench-user.ts'

const client = { clientId: 'bench-client', clientSecret: 'bench-client-secret' }
const callback = 'https://app.example/callback/bench'
const scope = ['user-read-email', 'user-top-read']

/** How long the token endpoint takes to answer, so that whoever waits for it is seen to wait. */
export const tokenDelayMs = 100

/** An authorization server that issues real tokens to the users of {@link benchUsers}, in this process. */
export class BenchAs implements AsyncDisposable {
  readonly as: AuthorizationServer

  private constructor(as: AuthorizationServer) {
    this.as = as
  }

  /** @param clock absent: the machine's own time */
  static async start(users: number, clock?: TestClock): Promise<BenchAs> {
    const as = await startAuthorizationServer({
      clients: [{ ...client, redirectUris: [callback] }],
      users: benchUsers(users, 'none').map(({ id, name }) => ({ id, name })),
      policy: { reuseKillsFamily: true },
      ...(clock && { clock }),
    })
    return new BenchAs(as)
  }

  /** Of the app programs. */
  get env(): Readonly<Record<string, string>> {
    return { BENCH_AS: new URL(this.as.endpoints.token).origin }
  }

  /** From now on the token endpoint takes its time. */
  answerSlowly(): void {
    this.as.faults.always('token', { delayBeforeCommitMs: tokenDelayMs })
  }

  /** Users with tokens of this server. */
  users(count: number, lifetimeSeconds: number, first: number = 0): readonly BenchUser[] {
    this.as.policy.accessTokenLifetimeSeconds = lifetimeSeconds
    return benchUsers(count, 'none', first).map((user) => {
      const { accessToken, refreshToken = '', expiresAt = 0 } = this.as.tokens(user.id, { scope })
      return { ...user, tokens: { accessToken, refreshToken, expiresAt, scope } }
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.as.close()
  }
}
