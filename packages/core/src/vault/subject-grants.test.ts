import { describe, expect, it } from 'vitest'
import { LatchkeyError } from '../errors.ts'
import type { LiveGrant } from './grant.ts'
import type { Brought, BroughtTokens } from './subject-grants.ts'
import {
  dead,
  type FixtureProcess,
  lifetimeSeconds,
  type Step,
  secret,
  VaultFixture,
} from './vault.fixture.ts'

const exclusive = { exclusive: true }
const day = 86_400

/** An authorization server of which only the token set issued last lives, and the subject that it belongs to. */
class Subject {
  readonly fixture: VaultFixture
  #newest = 0

  constructor(step: Step = () => {}) {
    this.fixture = new VaultFixture(exclusive, step)
  }

  /** Redeems a code: kills every token set before, and returns what the sign-in brings. */
  exchange(device: string, more: Partial<BroughtTokens> = {}): BroughtTokens {
    this.#newest += 1
    const generation = this.#newest
    const now = this.fixture.clock.now()
    return {
      ref: this.fixture.ref,
      tokens: this.fixture.issue(generation),
      requestedScope: ['read'],
      holder: undefined,
      member: { id: device, expiresAt: now + day },
      ttlSeconds: day,
      isAlive: async () => generation === this.#newest,
      mustLive: true,
      authorizedAt: now,
      ...more,
    }
  }

  bring(brought: BroughtTokens, process: Pick<FixtureProcess, 'vault'> = this.fixture): Promise<Brought> {
    return process.vault.subjectGrants.bring(brought)
  }

  async signIn(device: string, more: Partial<BroughtTokens> = {}): Promise<BroughtTokens> {
    const brought = this.exchange(device, more)
    expect(await this.bring(brought)).toMatchObject({ stored: 'ours' })
    return brought
  }

  async members(): Promise<readonly string[]> {
    return [...(await this.fixture.store.subjects.members(this.fixture.ref.slot))].sort()
  }

  /** The access token that stands there now. */
  async standing(): Promise<string | undefined> {
    const grant = await this.fixture.vault.read(this.fixture.handle)
    return grant?.state === 'live' ? grant.tokens.accessToken : undefined
  }

  async version(): Promise<string> {
    return (await this.fixture.store.grants.read(this.fixture.ref))?.version ?? ''
  }

  /** The server ends everything, and a refresh finds out. */
  async end(): Promise<void> {
    const { fixture } = this
    this.#newest += 1
    await fixture.clock.advance(lifetimeSeconds + 1)
    fixture.client.answers.push(() => dead)
    const ended = fixture.vault.fresh(fixture.handle, { minTtlSeconds: 0 }).catch(() => {})
    await fixture.pass(3.5)
    await ended
  }
}

const userinfoIsDown = async (): Promise<boolean> => {
  throw new LatchkeyError('as_unavailable', 'The userinfo endpoint did not answer.')
}

describe('a sign-in at an exclusive provider', () => {
  it('stores its tokens and its session in one step, and gives the lease back', async () => {
    const calls: string[] = []
    const subject = new Subject((call, moment) => {
      if (moment === 'before') calls.push(call)
    })
    const { clock, store, ref, vault, handle } = subject.fixture
    const outcome = await subject.bring(subject.exchange('phone'))
    expect(outcome).toEqual({ stored: 'ours', isFirst: true, now: clock.now() })
    expect(calls).toEqual(['leases.take', 'grants.read', 'subjects.admit', 'leases.release'])
    expect(await subject.members()).toEqual(['phone'])
    expect((await vault.fresh(handle, { minTtlSeconds: 0 })).accessToken).toBe('access-1')
    expect(await store.leases.owner(ref)).toBeUndefined()
    expect(clock.pending).toBe(0)
  })

  it('replaces the tokens that it has killed, and names them', async () => {
    const subject = new Subject()
    const first = await subject.signIn('phone')
    const outcome = await subject.bring(subject.exchange('laptop'))
    expect(outcome).toMatchObject({ stored: 'ours', leftOver: first.tokens })
    expect([await subject.standing(), await subject.members()]).toEqual(['access-2', ['laptop', 'phone']])
  })

  it('adopts the tokens of a later one that was stored first, version and all', async () => {
    const subject = new Subject()
    const early = subject.exchange('phone')
    await subject.signIn('laptop')
    const version = await subject.version()
    expect(await subject.bring(early)).toMatchObject({ stored: 'theirs' })
    expect([await subject.standing(), await subject.members()]).toEqual(['access-2', ['laptop', 'phone']])
    // A refresh under way elsewhere must be able to store what it brings.
    expect(await subject.version()).toBe(version)
  })

  it('takes the place of an ended grant', async () => {
    const subject = new Subject()
    await subject.signIn('phone')
    await subject.end()
    expect(await subject.standing()).toBeUndefined()
    await subject.signIn('laptop')
    expect([await subject.standing(), await subject.members()]).toEqual(['access-3', ['laptop', 'phone']])
  })

  it('takes the place of a record that this process cannot read', async () => {
    const subject = new Subject()
    await subject.signIn('phone')
    const other = subject.fixture.process(exclusive, `another ${secret}`)
    await expect(other.vault.subjectGrants.holder(subject.fixture.ref)).rejects.toMatchObject({
      code: 'store_unavailable',
    })
    const outcome = await subject.bring(subject.exchange('laptop'), other)
    expect(outcome).toMatchObject({ stored: 'ours' })
    expect(await other.vault.read(other.handle)).toMatchObject({ tokens: { accessToken: 'access-2' } })
  })

  it.each(['nothing', 'an ended grant'])(
    'stores no dead tokens where %s stands: after 3 seconds it must begin anew',
    async (standing) => {
      const subject = new Subject()
      if (standing !== 'nothing') {
        await subject.signIn('tablet')
        await subject.end()
      }
      const members = await subject.members()
      const early = subject.exchange('phone')
      // Another device signs in, and is gone again before the first one gets to its commit.
      subject.exchange('laptop')
      const outcome = subject.bring(early)
      await subject.fixture.pass(3.5)
      expect(await outcome).toEqual({ stored: 'nothing' })
      expect([await subject.standing(), await subject.members()]).toEqual([undefined, members])
      expect(await subject.fixture.store.leases.owner(subject.fixture.ref)).toBeUndefined()
      expect(subject.fixture.clock.pending).toBe(0)
    },
  )

  it('waits for the later one that has killed its tokens, and adopts what that stores', async () => {
    const subject = new Subject()
    const [early, later] = [subject.exchange('phone'), subject.exchange('laptop')]
    const outcome = subject.bring(early)
    await subject.fixture.pass(2.5)
    await subject.bring(later, subject.fixture.process(exclusive))
    await subject.fixture.pass(0.3)
    expect(await outcome).toMatchObject({ stored: 'theirs' })
    expect([await subject.standing(), await subject.members()]).toEqual(['access-2', ['laptop', 'phone']])
    expect(subject.fixture.clock.pending).toBe(0)
  })

  it('stores its tokens where nothing stands when nobody can say whether they live', async () => {
    const subject = new Subject()
    await subject.signIn('phone', { isAlive: userinfoIsDown })
    expect(await subject.standing()).toBe('access-1')
  })

  it('asks nobody about tokens from elsewhere where nothing stands', async () => {
    const subject = new Subject()
    const { mustLive: _, ...brought } = subject.exchange('phone', {
      isAlive: () => Promise.reject(new Error('asked')),
    })
    expect(await subject.bring(brought)).toMatchObject({ stored: 'ours' })
  })

  it('changes nothing when nobody can say whose tokens live', async () => {
    const subject = new Subject()
    await subject.signIn('phone')
    const unknown = subject.exchange('laptop', { isAlive: userinfoIsDown })
    await expect(subject.bring(unknown)).rejects.toMatchObject({ code: 'as_unavailable' })
    expect([await subject.standing(), await subject.members()]).toEqual(['access-1', ['phone']])
    expect(await subject.fixture.store.leases.owner(subject.fixture.ref)).toBeUndefined()
    expect(subject.fixture.clock.pending).toBe(0)
  })
})

describe('a sign-in that is brought twice', () => {
  it('leaves its own tokens as they stand', async () => {
    const subject = new Subject()
    const brought = await subject.signIn('phone')
    const version = await subject.version()
    const again = { ...brought, member: { id: 'phone again', expiresAt: subject.fixture.clock.now() + day } }
    await subject.bring(again)
    expect([await subject.version(), await subject.members()]).toEqual([version, ['phone', 'phone again']])
  })

  it('leaves what a refresh has made of its tokens', async () => {
    const subject = new Subject()
    const brought = await subject.signIn('phone')
    const { fixture } = subject
    await fixture.clock.advance(lifetimeSeconds + 1)
    fixture.willAnswer(7)
    await fixture.vault.fresh(fixture.handle, { minTtlSeconds: 0 })
    await subject.bring(brought)
    expect(await subject.standing()).toBe('access-7')
  })
})

describe('a sign-in that has some patience, and the store goes away', () => {
  const commands = ['leases.take', 'grants.read', 'subjects.admit'] as const
  const points = commands.flatMap((command) =>
    (['before', 'after'] as const).map((at) => [command, at] as const),
  )

  /** From that moment on nothing is answered for `seconds`. */
  function goingAway(command: string, at: string, seconds: number): Subject {
    let endsAt: number | undefined
    const subject: Subject = new Subject((call, moment) => {
      const now = subject.fixture.clock.now()
      if (call === command && moment === at) endsAt ??= now + seconds
      if (endsAt !== undefined && now < endsAt) throw new Error('no connection')
    })
    return subject
  }

  it.each(points)(
    'stores its tokens and its session once the store is back (%s, %s)',
    async (command, at) => {
      const subject = goingAway(command, at, 2)
      const { fixture } = subject
      const brought = subject.bring(subject.exchange('phone', { patienceSeconds: 5 }))
      await fixture.pass(3)
      expect(await brought).toMatchObject({ stored: 'ours', isFirst: true })
      expect([await subject.standing(), await subject.members()]).toEqual(['access-1', ['phone']])
      expect(await fixture.store.leases.owner(fixture.ref)).toBeUndefined()
    },
  )

  it.each(points)('fails when the store stays away (%s, %s)', async (command, at) => {
    const subject = goingAway(command, at, 30)
    const failed = expect(
      subject.bring(subject.exchange('phone', { patienceSeconds: 5 })),
    ).rejects.toMatchObject({ code: 'store_unavailable' })
    await subject.fixture.pass(6)
    await failed
  })
})

describe('the lease of a sign-in', () => {
  it('is held while the server is asked whose tokens live', async () => {
    const subject = new Subject()
    await subject.signIn('phone')
    const { store, ref } = subject.fixture
    const owners: unknown[] = []
    const brought = subject.exchange('laptop')
    const isAlive = async (): Promise<boolean> => {
      owners.push(await store.leases.owner(ref))
      return true
    }
    await subject.bring({ ...brought, isAlive })
    expect(owners).toEqual([expect.stringMatching(/^[\w-]{22}$/)])
    expect(await store.leases.owner(ref)).toBeUndefined()
  })

  it('waits for a refresh that runs, and stores over what that brings', async () => {
    const subject = new Subject()
    await subject.signIn('phone')
    const { fixture } = subject
    await fixture.clock.advance(lifetimeSeconds + 1)
    let answer = (): void => {}
    const answered = new Promise<void>((resolve) => {
      answer = resolve
    })
    fixture.client.answers.push(async () => {
      await answered
      return { kind: 'token_set', tokens: fixture.issue(7), raw: {} }
    })
    const refreshed = fixture.vault.fresh(fixture.handle, { minTtlSeconds: 0 })
    await fixture.settle()
    const brought = subject.bring(subject.exchange('laptop'), fixture.process(exclusive))
    await fixture.pass(1)
    expect(await subject.members()).toEqual(['phone'])
    answer()
    await fixture.pass(0.2)
    expect(await brought).toMatchObject({ stored: 'ours', leftOver: { accessToken: 'access-7' } })
    await refreshed
    expect(await subject.standing()).toBe('access-2')
  })

  it('is gone without after 15 seconds: whoever holds it so long must not keep anybody out', async () => {
    const subject = new Subject()
    const { fixture } = subject
    await fixture.store.leases.take(fixture.ref, 'somebody', 3_600)
    const brought = subject.bring(subject.exchange('phone'))
    await fixture.pass(14.5)
    expect(await subject.members()).toEqual([])
    await fixture.pass(1)
    expect(await brought).toMatchObject({ stored: 'ours' })
    expect(await fixture.store.leases.owner(fixture.ref)).toBe('somebody')
    expect(fixture.logged).toContainEqual({ level: 'warn', event: 'sign_in.lease_busy' })
  })

  it('lets of two sign-ins at once in two processes the later token set stand, in either order', async () => {
    for (const order of [0, 1]) {
      const subject = new Subject()
      const brought = [subject.exchange('phone'), subject.exchange('laptop')]
      const processes = [subject.fixture, subject.fixture.process(exclusive)]
      if (order === 1) brought.reverse()
      const outcomes = Promise.all(brought.map((one, index) => subject.bring(one, processes[index])))
      await subject.fixture.pass(1)
      await outcomes
      expect([await subject.standing(), await subject.members()]).toEqual(['access-2', ['laptop', 'phone']])
    }
  })
})

describe('the commit of a sign-in', () => {
  it('is asked for once more when its answer is lost', async () => {
    let cuts = 1
    const subject = new Subject((call, moment) => {
      if (call === 'subjects.admit' && moment === 'after' && cuts-- > 0)
        throw new Error('the answer was lost')
    })
    await subject.signIn('phone')
    expect([await subject.standing(), await subject.members()]).toEqual(['access-1', ['phone']])
  })

  it('starts over when another version has come to stand there', async () => {
    let moves = 1
    const subject: Subject = new Subject(async (call, moment) => {
      if (call !== 'subjects.admit' || moment !== 'before' || moves-- <= 0) return
      // A sign-out of the last session, for example.
      await subject.fixture.forget()
    })
    moves = 0
    await subject.signIn('phone')
    moves = 1
    await subject.signIn('laptop')
    expect([await subject.standing(), await subject.members()]).toEqual(['access-2', ['laptop', 'phone']])
  })

  it('gives up with store_unavailable when it never ends', async () => {
    const subject: Subject = new Subject(async (call, moment) => {
      if (call !== 'subjects.admit' || moment !== 'before') return
      const { ref, store, vault } = subject.fixture
      await subject.fixture.forget()
      const grant = {
        state: 'live',
        tokens: subject.fixture.issue(9),
        authorizedAt: 1,
        refreshCount: 0,
      } as const
      await store.grants.create(ref, vault.seal(ref, grant), day)
    })
    await expect(subject.bring(subject.exchange('phone'))).rejects.toMatchObject({
      code: 'store_unavailable',
      reason: 'contended',
    })
    expect(await subject.members()).toEqual([])
  })

  it('keeps the grant as long as its longest session', async () => {
    const subject = new Subject()
    const { fixture } = subject
    await subject.signIn('phone', { ttlSeconds: 30 * day })
    await subject.signIn('laptop', { ttlSeconds: day })
    await fixture.clock.advance(2 * day)
    expect(await fixture.vault.read(fixture.handle)).toMatchObject({ state: 'live' })
  })
})

describe('tokens that no session brings', () => {
  const nobody = { member: undefined, ttlSeconds: 1 }

  it('take the place of those that they have killed, so that their sessions go on', async () => {
    const subject = new Subject()
    await subject.signIn('phone')
    expect(await subject.bring(subject.exchange('', nobody))).toMatchObject({ stored: 'ours' })
    expect([await subject.standing(), await subject.members()]).toEqual(['access-2', ['phone']])
    await subject.fixture.clock.advance(60)
    expect(await subject.standing()).toBe('access-2')
  })

  it('take the place of an ended grant too', async () => {
    const subject = new Subject()
    await subject.signIn('phone')
    await subject.end()
    expect(await subject.bring(subject.exchange('', nobody))).toMatchObject({ stored: 'ours' })
  })

  it('are stored for nobody where nothing stands, and nobody is asked about them', async () => {
    const subject = new Subject()
    const isAlive = (): Promise<never> => Promise.reject(new Error('asked'))
    expect(await subject.bring(subject.exchange('', { ...nobody, isAlive }))).toEqual({ stored: 'nothing' })
    expect(await subject.standing()).toBeUndefined()
  })

  it('leave a later sign-in alone', async () => {
    const subject = new Subject()
    const early = subject.exchange('', nobody)
    await subject.signIn('phone')
    await subject.bring(early)
    expect(await subject.standing()).toBe('access-2')
  })
})

describe('the user who keeps an account', () => {
  it('stays the one who keeps it, whoever signs in without keeping', async () => {
    const subject = new Subject()
    await subject.signIn('phone', { holder: 'ada' })
    await subject.signIn('laptop')
    expect(await subject.fixture.vault.subjectGrants.holder(subject.fixture.ref)).toBe('ada')
  })

  it('may be one who adopts what stood there for nobody', async () => {
    const subject = new Subject()
    const early = subject.exchange('phone', { holder: 'ada' })
    await subject.signIn('laptop')
    const version = await subject.version()
    expect(await subject.bring(early)).toMatchObject({ stored: 'theirs' })
    expect(await subject.fixture.vault.subjectGrants.holder(subject.fixture.ref)).toBe('ada')
    expect(await subject.standing()).toBe('access-2')
    expect(await subject.version()).not.toBe(version)
  })

  it('refuses every other one, before the server is asked', async () => {
    const subject = new Subject()
    await subject.signIn('phone', { holder: 'ada' })
    const isAlive = (): Promise<never> => Promise.reject(new Error('asked'))
    const brought = subject.exchange('laptop', { holder: 'grace', isAlive })
    await expect(subject.bring(brought)).rejects.toMatchObject({ code: 'account_in_use' })
    expect([await subject.standing(), await subject.members()]).toEqual(['access-1', ['phone']])
  })

  it('is nobody where nothing stands or nobody keeps it', async () => {
    const subject = new Subject()
    const { subjectGrants } = subject.fixture.vault
    expect(await subjectGrants.holder(subject.fixture.ref)).toBeUndefined()
    await subject.signIn('phone')
    expect(await subjectGrants.holder(subject.fixture.ref)).toBeUndefined()
  })
})

describe('a sign-in at a provider whose new tokens kill none', () => {
  const plain = { isAlive: undefined, holder: 'ada' }

  it('takes no lease and asks nobody', async () => {
    const calls: string[] = []
    const subject = new Subject((call, moment) => {
      if (moment === 'before') calls.push(call)
    })
    await subject.signIn('phone', plain)
    expect(calls).toEqual(['grants.read', 'subjects.admit'])
  })

  it('leaves what grants more than it asked for, and replaces what grants no more', async () => {
    const subject = new Subject()
    const more: Pick<LiveGrant, 'tokens'> = {
      tokens: { ...subject.fixture.issue(1), scope: ['read', 'write'] },
    }
    await subject.signIn('phone', { ...plain, ...more })
    expect(await subject.bring(subject.exchange('laptop', plain))).toMatchObject({ stored: 'theirs' })
    const all = { requestedScope: ['read', 'write'] }
    await subject.signIn('tablet', {
      ...plain,
      ...all,
      tokens: { ...subject.fixture.issue(3), scope: ['read'] },
    })
    expect(await subject.standing()).toBe('access-3')
  })
  it('keeps the refresh token that stands there when it brings none, with the time of its authorization', async () => {
    const subject = new Subject()
    const { clock, vault, handle } = subject.fixture
    const refreshTokenExpiresAt = clock.now() + 90 * day
    const first = { ...subject.fixture.issue(1), refreshTokenExpiresAt }
    const { authorizedAt } = await subject.signIn('phone', { ...plain, tokens: first })
    await clock.advance(60)
    const { refreshToken: _, ...withoutRefreshToken } = subject.fixture.issue(2)
    const brought = subject.exchange('laptop', { ...plain, tokens: withoutRefreshToken })
    const outcome = await subject.bring(brought)
    expect(outcome).toMatchObject({ stored: 'ours' })
    // To revoke the tokens before would end the authorization that goes on.
    expect(outcome).not.toHaveProperty('leftOver')
    expect(await vault.read(handle)).toMatchObject({
      authorizedAt,
      tokens: { accessToken: 'access-2', refreshToken: first.refreshToken, refreshTokenExpiresAt },
    })
  })

  it('brings back no refresh token that was killed', async () => {
    const subject = new Subject()
    await subject.signIn('phone')
    const { refreshToken: _, ...withoutRefreshToken } = subject.fixture.issue(2)
    await subject.signIn('laptop', { tokens: withoutRefreshToken })
    expect(await subject.fixture.vault.read(subject.fixture.handle)).not.toHaveProperty('tokens.refreshToken')
  })
})
