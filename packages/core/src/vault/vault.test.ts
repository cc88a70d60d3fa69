import { describe, expect, it } from 'vitest'
import { cutOff, dead, lifetimeSeconds, unavailable, VaultFixture } from './vault.fixture.ts'

const need = { minTtlSeconds: 30 }

/** A promise that the test resolves. */
function gate<Value>(): { readonly opened: Promise<Value>; readonly open: (value: Value) => void } {
  let open: (value: Value) => void = () => {}
  const opened = new Promise<Value>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

async function expired(fixture: VaultFixture): Promise<void> {
  await fixture.signIn()
  await fixture.clock.advance(lifetimeSeconds + 1)
}

describe('Vault.fresh, in one process', () => {
  it('returns a valid token set without asking anybody', async () => {
    const fixture = new VaultFixture()
    const tokens = await fixture.signIn()
    expect(await fixture.vault.fresh(fixture.handle, need)).toEqual(tokens)
    expect(fixture.client.sent).toEqual([])
  })

  it('case 59: refreshes once when 500 callers find an expired token (RFC 6749 §6)', async () => {
    const fixture = new VaultFixture()
    await expired(fixture)
    fixture.willAnswer(2)
    const callers = Array.from({ length: 500 }, () => fixture.vault.fresh(fixture.handle, need))
    const answers = await Promise.all(callers)
    expect(new Set(answers.map((tokens) => tokens.accessToken))).toEqual(new Set(['access-2']))
    expect(fixture.client.sent.map((tokens) => tokens.refreshToken)).toEqual(['refresh-1'])
    expect(fixture.emitted).toEqual([['refresh', { provider: 'example', accountId: 'ada', refreshCount: 1 }]])
  })

  it('refreshes when less than minTtlSeconds is left', async () => {
    const fixture = new VaultFixture()
    await fixture.signIn()
    await fixture.clock.advance(lifetimeSeconds - 100)
    fixture.willAnswer(2)
    expect((await fixture.vault.fresh(fixture.handle, { minTtlSeconds: 101 })).accessToken).toBe('access-2')
  })

  it('hands out the valid token near its end and refreshes beside it', async () => {
    const fixture = new VaultFixture()
    await fixture.signIn()
    await fixture.clock.advance(lifetimeSeconds - 40)
    fixture.willAnswer(2)
    const callers = Array.from({ length: 20 }, () => fixture.vault.fresh(fixture.handle, need))
    for (const tokens of await Promise.all(callers)) expect(tokens.accessToken).toBe('access-1')
    await fixture.pass(0.1)
    expect((await fixture.vault.fresh(fixture.handle, need)).accessToken).toBe('access-2')
    expect(fixture.client.sent).toHaveLength(1)
  })

  it('begins a refresh ahead after the call that it must not hold up, and at the latest when it closes', async () => {
    const fixture = new VaultFixture()
    await fixture.signIn()
    await fixture.clock.advance(lifetimeSeconds - 40)
    fixture.willAnswer(2)
    await fixture.vault.fresh(fixture.handle, need)
    await fixture.settle()
    expect(fixture.client.sent).toEqual([])
    await fixture.vault.close()
    expect(fixture.client.sent).toHaveLength(1)
    await fixture.pass(0.1)
    expect(fixture.client.sent).toHaveLength(1)
  })

  it('case 83: refreshes ahead at once after the clock was set back', async () => {
    const fixture = new VaultFixture()
    await fixture.signIn()
    await fixture.clock.advance(lifetimeSeconds - 40)
    await fixture.store.leases.take(fixture.ref, 'somebody', 10)
    await fixture.vault.fresh(fixture.handle, need)
    await fixture.pass(0.1)
    await fixture.store.leases.release(fixture.ref, 'somebody')
    fixture.clock.step(-3)
    fixture.willAnswer(2)
    await fixture.vault.fresh(fixture.handle, need)
    await fixture.pass(0.1)
    expect((await fixture.vault.fresh(fixture.handle, need)).accessToken).toBe('access-2')
  })

  it('waits for the refresh where it kills the token in use (refreshEndsAccessToken)', async () => {
    const fixture = new VaultFixture({ refreshEndsAccessToken: true })
    await fixture.signIn()
    await fixture.clock.advance(lifetimeSeconds - 40)
    fixture.willAnswer(2)
    expect((await fixture.vault.fresh(fixture.handle, need)).accessToken).toBe('access-2')
  })

  it('case 78: serves the valid token while a refresh ahead of expiry fails, and tries again after the cool-down', async () => {
    const fixture = new VaultFixture()
    await fixture.signIn()
    await fixture.clock.advance(lifetimeSeconds - 40)
    fixture.client.answers.push(() => ({ ...unavailable, retryAfterSeconds: 20 }))
    expect((await fixture.vault.fresh(fixture.handle, need)).accessToken).toBe('access-1')
    await fixture.pass(0.1)
    await fixture.clock.advance(15)
    expect((await fixture.vault.fresh(fixture.handle, { minTtlSeconds: 10 })).accessToken).toBe('access-1')
    await fixture.pass(0.1)
    expect(fixture.client.sent).toHaveLength(1)
    await fixture.clock.advance(6)
    fixture.willAnswer(2)
    await fixture.vault.fresh(fixture.handle, { minTtlSeconds: 10 })
    await fixture.pass(0.1)
    expect((await fixture.vault.fresh(fixture.handle, need)).accessToken).toBe('access-2')
  })

  it('refreshes a token that a resource server refused, once for all who were refused', async () => {
    const fixture = new VaultFixture()
    await fixture.signIn()
    await fixture.clock.advance(60)
    fixture.willAnswer(2)
    const refused = { minTtlSeconds: 5, rejectedToken: 'access-1' }
    const [one, two] = await Promise.all([
      fixture.vault.fresh(fixture.handle, refused),
      fixture.vault.fresh(fixture.handle, refused),
    ])
    expect([one?.accessToken, two?.accessToken]).toEqual(['access-2', 'access-2'])
    expect((await fixture.vault.fresh(fixture.handle, refused)).accessToken).toBe('access-2')
    expect(fixture.client.sent).toHaveLength(1)
  })

  it('gives a refused token back unrefreshed when it is younger than 10 seconds', async () => {
    const fixture = new VaultFixture()
    await fixture.signIn()
    await fixture.clock.advance(9)
    const refused = { minTtlSeconds: 5, rejectedToken: 'access-1' }
    expect((await fixture.vault.fresh(fixture.handle, refused)).accessToken).toBe('access-1')
    expect(fixture.client.sent).toEqual([])
  })

  it('case 89: looks for a sign-in elsewhere once for all who are refused a young token, for 3 seconds', async () => {
    let reads = 0
    const f = new VaultFixture({ exclusive: true }, (call, moment) => {
      if (call === 'grants.read' && moment === 'before') reads += 1
    })
    const { accessToken: rejectedToken } = await f.signIn()
    const refused = () => f.vault.fresh(f.handle, { minTtlSeconds: 0, rejectedToken })
    const first = Promise.all(Array.from({ length: 50 }, refused))
    await f.pass(2)
    const late = Promise.all(Array.from({ length: 50 }, refused))
    await f.pass(1.5)
    const tokens = [...(await first), ...(await late)]
    expect(new Set(tokens.map(({ accessToken }) => accessToken))).toEqual(new Set([rejectedToken]))
    expect(f.client.sent).toEqual([])
    // Each looks once by itself, and every tenth of a second one looks for them all.
    expect(reads).toBeLessThanOrEqual(100 + 32)
  })

  it('gives a refused token back unrefreshed when there is no refresh token', async () => {
    const fixture = new VaultFixture()
    const { refreshToken: _, ...tokens } = await fixture.signIn()
    await fixture.store.sessions.delete(fixture.ref.slot, 'session', [fixture.ref.id])
    const noRefreshToken = new VaultFixture()
    await noRefreshToken.store.sessions.write('locator', {
      expectedVersion: undefined,
      record: { version: 'session', sealed: new Uint8Array() },
      ttlSeconds: 86_400,
      putGrants: [
        {
          id: 'grant',
          record: noRefreshToken.vault.seal(noRefreshToken.ref, {
            state: 'live',
            tokens,
            authorizedAt: tokens.receivedAt,
            refreshCount: 0,
          }),
          ttlSeconds: 86_400,
        },
      ],
      deleteGrants: [],
    })
    await noRefreshToken.clock.advance(60)
    const refused = { minTtlSeconds: 5, rejectedToken: 'access-1' }
    expect((await noRefreshToken.vault.fresh(noRefreshToken.handle, refused)).accessToken).toBe('access-1')
    await noRefreshToken.clock.advance(lifetimeSeconds)
    await expect(noRefreshToken.vault.fresh(noRefreshToken.handle, need)).rejects.toMatchObject({
      code: 'login_required',
      reason: 'grant_ended',
    })
  })

  it('lets a caller with a usable token pass when the store fails', async () => {
    let storeFails = false
    const fixture = new VaultFixture({}, (call) => {
      if (storeFails && call.startsWith('leases.')) throw new Error('connection lost')
    })
    await fixture.signIn()
    await fixture.clock.advance(lifetimeSeconds - 20)
    storeFails = true
    expect((await fixture.vault.fresh(fixture.handle, need)).accessToken).toBe('access-1')
    await fixture.clock.advance(21)
    await expect(fixture.vault.fresh(fixture.handle, need)).rejects.toMatchObject({
      code: 'store_unavailable',
    })
    storeFails = false
    fixture.willAnswer(2)
    expect((await fixture.vault.fresh(fixture.handle, need)).accessToken).toBe('access-2')
  })

  it('answers login_required when the grant is gone', async () => {
    const fixture = new VaultFixture()
    await expect(fixture.vault.fresh(fixture.handle, need)).rejects.toMatchObject({
      code: 'login_required',
      reason: 'signed_out',
      provider: 'example',
    })
  })
})

describe('Vault.fresh, across processes', () => {
  it('case 60: two processes with an expired token make one token request', async () => {
    const fixture = new VaultFixture()
    await expired(fixture)
    const other = fixture.process()
    const answer = gate<void>()
    fixture.client.answers.push(async () => {
      await answer.opened
      return { kind: 'token_set', tokens: fixture.issue(2), raw: {} }
    })
    const first = fixture.vault.fresh(fixture.handle, need)
    await fixture.settle()
    const second = other.vault.fresh(other.handle, need)
    await fixture.settle()
    answer.open()
    await fixture.settle()
    await fixture.pass(0.5)
    expect((await first).accessToken).toBe('access-2')
    expect((await second).accessToken).toBe('access-2')
    expect([fixture.client.sent.length, other.client.sent.length]).toEqual([1, 0])
  })

  it('a waiting process takes over the failure of the one that sends, and its cool-down', async () => {
    const fixture = new VaultFixture()
    await expired(fixture)
    const other = fixture.process()
    const answer = gate<void>()
    fixture.client.answers.push(async () => {
      await answer.opened
      return unavailable
    })
    const failed = { code: 'as_unavailable', reason: 'rate_limited', status: 503 }
    const first = expect(fixture.vault.fresh(fixture.handle, need)).rejects.toMatchObject(failed)
    await fixture.settle()
    const second = expect(other.vault.fresh(other.handle, need)).rejects.toMatchObject(failed)
    await fixture.settle()
    answer.open()
    await fixture.pass(0.5)
    await first
    await second
    await expect(other.vault.fresh(other.handle, need)).rejects.toMatchObject(failed)
    expect(other.client.sent).toEqual([])
  })

  it('a waiting process takes the lease when its owner vanishes, and not before', async () => {
    const fixture = new VaultFixture()
    await expired(fixture)
    expect(await fixture.store.leases.take(fixture.ref, 'crashed', 8)).toBe(true)
    fixture.willAnswer(2)
    const tokens = fixture.vault.fresh(fixture.handle, need)
    await fixture.pass(7.5)
    expect(fixture.client.sent).toEqual([])
    await fixture.pass(1)
    expect((await tokens).accessToken).toBe('access-2')
  })

  it('never refreshes without the lease: after 15 seconds of waiting it answers as_unavailable', async () => {
    const fixture = new VaultFixture()
    await expired(fixture)
    await fixture.store.leases.take(fixture.ref, 'somebody', 3_600)
    const waiting = expect(fixture.vault.fresh(fixture.handle, need)).rejects.toMatchObject({
      code: 'as_unavailable',
      reason: 'timeout',
    })
    await fixture.pass(15.5)
    await waiting
    expect(fixture.client.sent).toEqual([])
  })

  it('case 83: waits 15 seconds for another owner, also when the clock is set back meanwhile', async () => {
    const fixture = new VaultFixture()
    await expired(fixture)
    await fixture.store.leases.take(fixture.ref, 'somebody', 7_200)
    const refused = { minTtlSeconds: 5, rejectedToken: 'access-1' }
    const answer = fixture.vault.fresh(fixture.handle, refused)
    const waiting = expect(answer).rejects.toMatchObject({ reason: 'timeout' })
    await fixture.pass(5)
    fixture.clock.step(-3_000)
    await fixture.pass(10.5)
    await waiting
  })

  it('settles an unanswered take by reading the owner back', async () => {
    let cuts = 1
    const fixture = new VaultFixture({}, (call, moment) => {
      if (call === 'leases.take' && moment === 'after' && cuts-- > 0) throw new Error('the answer was lost')
    })
    await expired(fixture)
    fixture.willAnswer(2)
    expect((await fixture.vault.fresh(fixture.handle, need)).accessToken).toBe('access-2')
    expect(await fixture.store.leases.owner(fixture.ref)).toBeUndefined()
  })

  it('fails at once when the store refuses the take and nobody holds the lease', async () => {
    const fixture = new VaultFixture({}, (call, moment) => {
      if (call === 'leases.take' && moment === 'before') throw new Error('only reads are answered')
    })
    await expired(fixture)
    const fresh = fixture.vault.fresh(fixture.handle, need)
    await expect(fresh).rejects.toMatchObject({ code: 'store_unavailable' })
    expect(fixture.client.sent).toEqual([])
  })

  it('leaves a refresh ahead of expiry to whoever holds the lease', async () => {
    const fixture = new VaultFixture()
    await fixture.signIn()
    await fixture.clock.advance(lifetimeSeconds - 40)
    await fixture.store.leases.take(fixture.ref, 'somebody', 10)
    expect((await fixture.vault.fresh(fixture.handle, need)).accessToken).toBe('access-1')
    await fixture.pass(0.1)
    expect(fixture.client.sent).toEqual([])
  })

  it('adopts what another process stored between the look and the lease', async () => {
    const fixture = new VaultFixture()
    await expired(fixture)
    const other = fixture.process()
    fixture.willAnswer(2, {}, other.client)
    await other.vault.fresh(other.handle, need)
    expect((await fixture.vault.fresh(fixture.handle, need)).accessToken).toBe('access-2')
    expect(fixture.client.sent).toEqual([])
  })

  it('extends the lease while the server takes its time, and gives it back', async () => {
    const fixture = new VaultFixture()
    await expired(fixture)
    const answer = gate<void>()
    fixture.client.answers.push(async () => {
      await answer.opened
      return cutOff
    })
    fixture.client.answers.push(() => dead)
    const ended = expect(fixture.vault.fresh(fixture.handle, need)).rejects.toMatchObject({
      reason: 'grant_ended',
    })
    await fixture.settle()
    const owner = await fixture.store.leases.owner(fixture.ref)
    await fixture.pass(40)
    expect(await fixture.store.leases.owner(fixture.ref)).toBe(owner)
    expect(owner).toMatch(/^[\w-]{22}$/)
    answer.open()
    await ended
    expect(await fixture.store.leases.owner(fixture.ref)).toBeUndefined()
    expect(fixture.clock.pending).toBe(0)
  })
})
