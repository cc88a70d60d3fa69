import { describe, expect, it } from 'vitest'
import { LatchkeyError } from '../errors.ts'
import { subjectKey } from '../protocol/subject-key.ts'
import { subjectRef } from '../session/record.ts'
import { type Browser, FlowsFixture } from './flows.fixture.ts'
import type { Reply } from './http.ts'
import type { Flows } from './routes.ts'
import { ScriptedSignInClient } from './scripted-sign-in-client.fixture.ts'
import type { OnLogin } from './settings.ts'
import type { RedeemedCode, UserProfile } from './sign-in-client.ts'

/** A client at a server where each redeemed code kills all earlier tokens. */
class ExclusiveClient extends ScriptedSignInClient {
  #living = ''
  profiles = 0

  constructor() {
    super('example', { exclusive: true, revocation: 'authorization', scope: [] })
  }

  override async exchangeCode(
    exchange: Parameters<ScriptedSignInClient['exchangeCode']>[0],
  ): Promise<RedeemedCode> {
    const redeemed = await super.exchangeCode(exchange)
    this.#living = redeemed.tokens.accessToken
    return redeemed
  }

  override async profile({ tokens }: RedeemedCode = { tokens: this.tokens('', []) }): Promise<UserProfile> {
    this.profiles += 1
    const profile = await super.profile({ tokens })
    if (tokens.accessToken === this.#living) return profile
    throw unavailable('userinfo_unauthorized')
  }
}

function unavailable(reason: string): LatchkeyError {
  return new LatchkeyError('as_unavailable', 'The userinfo endpoint has no answer.', {
    reason,
    provider: 'example',
  })
}

/** Devices of one user at that server. */
class Devices {
  readonly client = new ExclusiveClient()
  /** What the app says to the next sign-ins. */
  readonly words: OnLogin[] = []
  readonly fixture: FlowsFixture
  readonly flows: Flows

  constructor() {
    const onLogin: OnLogin = async (...login) => this.words.shift()?.(...login)
    this.fixture = new FlowsFixture({ clients: [this.client], onLogin })
    this.flows = this.fixture.flows()
  }

  device(): Browser {
    return this.fixture.browser(this.flows)
  }

  /** Signs in on a new device, which gets the token set `access of <name>`. */
  async signIn(name: string): Promise<Browser> {
    const device = this.device()
    expect((await device.signIn('example', '', name)).status).toBe(303)
    return device
  }

  get ref(): ReturnType<typeof subjectRef> {
    return subjectRef(subjectKey(this.client, 'ada'))
  }

  async standing(): Promise<string | undefined> {
    const grant = await this.fixture.vault.read({ ref: this.ref })
    return grant?.state === 'live' ? grant.tokens.accessToken : undefined
  }

  members(): Promise<number> {
    return this.fixture.store.subjects.count(this.ref.slot)
  }

  async pass(seconds: number): Promise<void> {
    for (let passed = 0; passed < seconds; passed += 0.1) await this.fixture.clock.advance(0.1)
  }

  /** What is noted of token sets that are lost for good. */
  get lost(): readonly unknown[] {
    return this.fixture.log.about('sign_in.save_lost')
  }
}

function expectNewStart(reply: Reply): void {
  expect(reply.status).toBe(503)
  expect(reply.setCookies.some((cookie) => cookie.startsWith('__Host-latchkey='))).toBe(false)
  expect(reply.body).toContain('href="/login/example?returnTo=%2F"')
}

describe('a sign-in whose tokens another device kills', () => {
  it('shares those of the other device', async () => {
    const devices = new Devices()
    devices.words.push(async () => void (await devices.signIn('laptop')))
    const phone = await devices.signIn('phone')
    expect([await devices.standing(), await devices.members()]).toEqual(['access of laptop', 2])
    expect((await phone.session())?.record.accounts).toHaveLength(1)
  })

  it('offers a new start when the other device is signed out again, and harms nothing', async () => {
    const devices = new Devices()
    devices.words.push(async () => {
      const laptop = await devices.signIn('laptop')
      await laptop.post('/logout')
      return undefined
    })
    const phone = devices.device()
    const reply = phone.signIn('example', '', 'phone')
    await devices.pass(3.5)
    expectNewStart(await reply)
    expect([await devices.standing(), await devices.members()]).toEqual([undefined, 0])
    expect((await phone.signIn('example', '', 'again')).status).toBe(303)
    expect(await devices.standing()).toBe('access of again')
  })

  it('offers a new start when the first look at its user comes too late, and harms nothing', async () => {
    const devices = new Devices()
    let late = 1
    devices.client.beforeProfile = async () => {
      if (late-- > 0) await devices.signIn('laptop')
    }
    const phone = devices.device()
    expectNewStart(await phone.signIn('example', '', 'phone'))
    expect([await devices.standing(), await devices.members()]).toEqual(['access of laptop', 1])
    const { profiles } = devices.client
    await devices.pass(61)
    expect(devices.client.profiles).toBe(profiles)
    expect(devices.lost).toEqual([])
  })
})

/** Ways for a sign-in to fail after its code was redeemed, at once or until `end`. */
const failures: Readonly<Record<string, (devices: Devices) => { readonly end: () => void }>> = {
  'the app refuses it': ({ words }) => {
    words.push(() => Promise.reject(new Error('refused')))
    return { end: () => {} }
  },
  'userinfo is down': ({ client }) => {
    client.beforeProfile = () => Promise.reject(unavailable('userinfo_status'))
    return {
      end: () => {
        client.beforeProfile = () => {}
      },
    }
  },
  'userinfo goes down under the lease': ({ client }) => {
    let looks = 0
    client.beforeProfile = async () => {
      looks += 1
      if (looks > 1) throw unavailable('userinfo_timeout')
    }
    return {
      end: () => {
        client.beforeProfile = () => {}
      },
    }
  },
  'the store is gone when it is to be committed': ({ fixture: { watched } }) =>
    storeFails(watched, 'subjects.admit'),
  'the store is gone when the lease is to be taken': ({ fixture: { watched } }) =>
    storeFails(watched, 'leases.'),
  'the store is gone when it is to be read': ({ fixture: { watched } }) => storeFails(watched, 'grants.'),
  'the store is gone when the session is to be written': ({ fixture: { watched } }) =>
    storeFails(watched, 'sessions.write'),
}

function storeFails(watched: FlowsFixture['watched'], command: string): { readonly end: () => void } {
  watched.before = ({ name }) => {
    if (name.startsWith(command)) throw new Error('no connection')
  }
  return {
    end: () => {
      watched.before = () => {}
    },
  }
}

/** Signs in on another device, which fails that way. */
async function failSignIn(devices: Devices): Promise<Reply | Error> {
  let failed: Reply | Error | undefined
  const settled = (outcome: Reply | Error): void => {
    failed = outcome
  }
  void devices.device().signIn('example', '', 'laptop').then(settled, settled)
  // An outage is waited out for a moment.
  for (let passed = 0; passed < 10; passed += 0.1) {
    await devices.pass(0.1)
    if (failed !== undefined) return failed
  }
  throw new Error('It never ends.')
}

describe.each(Object.entries(failures))(
  'a sign-in that has killed the tokens of others, and %s',
  (_how, fail) => {
    it('gives them its own as soon as that can be', async () => {
      const devices = new Devices()
      const phone = await devices.signIn('phone')
      const failure = fail(devices)
      const reply = await failSignIn(devices)
      expect(reply instanceof Error || reply.status >= 500).toBe(true)
      await devices.pass(5)
      failure.end()
      await devices.pass(5)
      expect([await devices.standing(), await devices.members()]).toEqual(['access of laptop', 1])
      expect(await phone.session()).toMatchObject({ record: { userId: 'example:ada' } })
      expect(devices.lost).toEqual([])
    })

    it('leaves alone whoever has signed in since', async () => {
      const devices = new Devices()
      await devices.signIn('phone')
      const failure = fail(devices)
      await failSignIn(devices)
      failure.end()
      await devices.signIn('tablet')
      await devices.pass(61)
      expect([await devices.standing(), await devices.members()]).toEqual(['access of tablet', 2])
    })
  },
)

// Where nothing stands, nobody has to say whose tokens live: that one signs in.
const failing = Object.entries(failures).filter(([how]) => how !== 'userinfo goes down under the lease')

describe.each(failing)('a sign-in of the only device, and %s', (_how, fail) => {
  it('leaves nothing behind where nobody is signed in', async () => {
    const devices = new Devices()
    const failure = fail(devices)
    await failSignIn(devices)
    failure.end()
    await devices.pass(61)
    expect([await devices.standing(), await devices.members()]).toEqual([undefined, 0])
    expect(devices.lost).toEqual([])
  })
})

describe('a sign-in whose store gives no answer for two seconds', () => {
  it.each(['leases.take', 'grants.read', 'subjects.admit'])(
    'is signed in after that (%s)',
    async (command) => {
      const devices = new Devices()
      const { clock, watched } = devices.fixture
      let backAt: number | undefined
      const unanswered = ({ name }: { readonly name: string }): void => {
        if (name === command) backAt ??= clock.now() + 2
        if (backAt !== undefined && clock.now() < backAt) throw new Error('no answer')
      }
      watched.after = unanswered
      const phone = devices.device()
      const reply = phone.signIn('example', '', 'phone')
      await devices.pass(3)
      expect((await reply).status).toBe(303)
      expect([await devices.standing(), await devices.members()]).toEqual(['access of phone', 1])
    },
  )
})

describe('tokens that a failed sign-in has left', () => {
  it.each([
    ['server', 'userinfo is down', []],
    ['store', 'the store is gone when it is to be read', [{ provider: 'example', accountId: 'ada' }]],
  ] as const)('are given up loudly when the %s is away for a minute', async (_what, how, events) => {
    const devices = new Devices()
    await devices.signIn('phone')
    failures[how]?.(devices)
    await failSignIn(devices)
    await devices.pass(59)
    expect(devices.lost).toEqual([])
    await devices.pass(3)
    expect(devices.lost).toEqual([{ event: 'sign_in.save_lost', provider: 'example' }])
    // Whose they are is known only once the server has said so.
    const emitted = devices.fixture.emitted.filter(([name]) => name === 'save_lost')
    expect(emitted.map(([, event]) => event)).toEqual(events)
    expect(devices.fixture.clock.pending).toBe(0)
  })

  it('are tried once more, at once, when the process closes', async () => {
    const devices = new Devices()
    await devices.signIn('phone')
    const failure = failures['userinfo is down']?.(devices)
    await failSignIn(devices)
    failure?.end()
    await devices.flows.close()
    expect(await devices.standing()).toBe('access of laptop')
    expect(devices.fixture.clock.pending).toBe(0)
  })

  it('are not asked about again when the server refuses the user for good', async () => {
    const devices = new Devices()
    await devices.signIn('phone')
    devices.client.beforeProfile = () => {
      throw new LatchkeyError('as_misconfigured', 'The userinfo endpoint refuses this user.')
    }
    await failSignIn(devices)
    const { profiles } = devices.client
    await devices.pass(61)
    expect(devices.client.profiles).toBe(profiles)
  })
})
