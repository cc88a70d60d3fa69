import { describe, expect, it } from 'vitest'
import { LatchkeyError } from '../errors.ts'
import { subjectKey } from '../protocol/subject-key.ts'
import { subjectRef } from './brought-account.ts'
import { type Browser, FlowsFixture, ScriptedSignInClient } from './flows.fixture.ts'
import type { Reply } from './http.ts'
import type { Flows } from './routes.ts'
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
  })
})
