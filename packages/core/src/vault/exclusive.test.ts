import { describe, expect, it } from 'vitest'
import type { TokenAnswer } from '../protocol/token.ts'
import {
  dead,
  type FixtureProcess,
  lifetimeSeconds,
  type Step,
  tokenSetAnswer,
  unavailable,
  VaultFixture,
} from './vault.fixture.ts'

const need = { minTtlSeconds: 30 }
const exclusive = { exclusive: true }
const refused: TokenAnswer = { kind: 'refused', oauth: { error: 'invalid_request' } }
/** However the server words it: a sign-in elsewhere has killed the refresh token. */
const killed = [
  ['dead', dead],
  ['refused', refused],
] as const
const refusedToken = { minTtlSeconds: 0, rejectedToken: 'access-1' }

async function expiredFixture(step: Step = () => {}): Promise<VaultFixture> {
  const fixture = new VaultFixture(exclusive, step)
  await fixture.signIn()
  await fixture.clock.advance(lifetimeSeconds + 1)
  return fixture
}

/** Starts callers in both processes and lets them come to where only time helps. */
async function startCallers(
  fixture: VaultFixture,
  other: FixtureProcess,
): Promise<readonly Promise<PromiseSettledResult<{ readonly accessToken: string }>>[]> {
  const processes = [fixture, other, fixture, other]
  const callers = processes.map(async ({ vault, handle }) => {
    const [result] = await Promise.allSettled([vault.fresh(handle, need)])
    return result
  })
  await fixture.settle()
  return callers
}

describe.each(killed)('an exclusive grant whose refresh token is %s', (_word, answer) => {
  it('gives the lease back at once, for a sign-in elsewhere to store its tokens, and adopts them', async () => {
    const fixture = await expiredFixture()
    fixture.client.answers.push(() => answer)
    const tokens = fixture.vault.fresh(fixture.handle, need)
    await fixture.settle()
    expect(await fixture.store.leases.owner(fixture.ref)).toBeUndefined()
    await fixture.signInElsewhere(9, fixture.process(exclusive))
    await fixture.pass(0.2)
    expect((await tokens).accessToken).toBe('access-9')
    expect(fixture.emitted).toEqual([])
    expect(fixture.clock.pending).toBe(0)
  })

  it('keeps the callers of all processes waiting without sending, and all adopt the sign-in', async () => {
    const fixture = await expiredFixture()
    const other = fixture.process(exclusive)
    fixture.client.answers.push(() => answer)
    const callers = await startCallers(fixture, other)
    await fixture.pass(2.5)
    await fixture.signInElsewhere(9)
    await fixture.pass(0.3)
    for (const result of await Promise.all(callers)) {
      expect(result).toMatchObject({ value: { accessToken: 'access-9' } })
    }
    expect([fixture.client.sent.length, other.client.sent.length]).toEqual([1, 0])
  })

  it('is refused to the callers of all processes by one answer, after 3 seconds without a sign-in', async () => {
    const fixture = await expiredFixture()
    const other = fixture.process(exclusive)
    fixture.client.answers.push(() => answer)
    const callers = await startCallers(fixture, other)
    let answered = 0
    for (const caller of callers) void caller.then(() => (answered += 1))
    await fixture.pass(2.8)
    expect(answered).toBe(0)
    expect(await fixture.vault.read(fixture.handle)).toMatchObject({ state: 'live' })
    await fixture.pass(1.5)
    const reason = answer === dead ? 'grant_ended' : 'refused'
    for (const result of await Promise.all(callers)) {
      expect(result).toMatchObject({ reason: { code: 'login_required', reason } })
    }
    expect([fixture.client.sent.length, other.client.sent.length]).toEqual([1, 0])
    expect(fixture.emitted).toHaveLength(1)
    expect(fixture.clock.pending).toBe(0)
  })
})

describe('an exclusive grant that is about to end', () => {
  it('does not end when a sign-in stores its tokens in that very moment', async () => {
    const fixture: VaultFixture = await expiredFixture(async (call, moment) => {
      if (call === 'grants.commit' && moment === 'before') await fixture.signInElsewhere(9)
    })
    fixture.client.answers.push(() => dead)
    const tokens = fixture.vault.fresh(fixture.handle, need)
    await fixture.pass(3.5)
    expect((await tokens).accessToken).toBe('access-9')
    expect(fixture.emitted).toEqual([])
  })

  it('lives again by a sign-in that comes after the end', async () => {
    const fixture = await expiredFixture()
    fixture.client.answers.push(() => dead)
    const ended = expect(fixture.vault.fresh(fixture.handle, need)).rejects.toMatchObject({
      reason: 'grant_ended',
    })
    await fixture.pass(3.5)
    await ended
    await fixture.signInElsewhere(9, fixture.process(exclusive))
    expect((await fixture.vault.fresh(fixture.handle, need)).accessToken).toBe('access-9')
  })

  it('is taken over by another process when the one that waits is killed', async () => {
    const fixture = await expiredFixture()
    const { version } = (await fixture.store.grants.read(fixture.ref)) ?? { version: '' }
    const startedAt = fixture.clock.now()
    const note = { version, owner: 'killed', startedAt, sends: 1, coolDownUntil: startedAt + 4 }
    await fixture.store.leases.take(fixture.ref, 'killed', 15)
    await fixture.store.leases.writeAttempt(fixture.ref, note, 300)
    await fixture.store.leases.release(fixture.ref, 'killed')
    fixture.client.answers.push(() => dead)
    const ended = expect(fixture.vault.fresh(fixture.handle, need)).rejects.toMatchObject({
      reason: 'grant_ended',
    })
    await fixture.pass(6.5)
    expect(fixture.client.sent).toEqual([])
    await fixture.pass(4)
    await ended
    expect(fixture.client.sent).toHaveLength(1)
  })

  it('stays as it is when its refusal passes: the cool-down is noted for all processes', async () => {
    const fixture = await expiredFixture()
    const other = fixture.process(exclusive)
    fixture.client.answers.push(() => refused)
    const failed = expect(fixture.vault.fresh(fixture.handle, need)).rejects.toMatchObject({
      reason: 'refused',
    })
    await fixture.pass(3.5)
    await failed
    await expect(other.vault.fresh(other.handle, need)).rejects.toMatchObject({ reason: 'refused' })
    expect(await fixture.store.leases.owner(fixture.ref)).toBeUndefined()
    await fixture.clock.advance(11)
    fixture.willAnswer(2, {}, other.client)
    expect((await other.vault.fresh(other.handle, need)).accessToken).toBe('access-2')
  })

  it('is signed out of while it waits: nobody hears of an ended account', async () => {
    const fixture = await expiredFixture()
    fixture.client.answers.push(() => dead)
    const signedOut = expect(fixture.vault.fresh(fixture.handle, need)).rejects.toMatchObject({
      reason: 'signed_out',
    })
    await fixture.settle()
    await fixture.forget()
    await fixture.pass(0.2)
    await signedOut
    expect(fixture.emitted).toEqual([])
  })
})

describe('a young token of an exclusive provider that the API refuses', () => {
  async function youngFixture(provider = exclusive): Promise<VaultFixture> {
    const fixture = new VaultFixture(provider)
    await fixture.signIn()
    await fixture.clock.advance(2)
    return fixture
  }

  it('waits in all processes for the sign-in that has killed it, and sends nothing', async () => {
    const fixture = await youngFixture()
    const other = fixture.process(exclusive)
    const callers = [fixture, other].map(({ vault, handle }) => vault.fresh(handle, refusedToken))
    await fixture.pass(2.8)
    await fixture.signInElsewhere(9)
    await fixture.pass(0.2)
    for (const tokens of await Promise.all(callers)) expect(tokens.accessToken).toBe('access-9')
    expect([fixture.client.sent, other.client.sent]).toEqual([[], []])
    expect(fixture.clock.pending).toBe(0)
  })

  it('comes back as it is after 3 seconds without a sign-in', async () => {
    const fixture = await youngFixture()
    let isBack = false
    const tokens = fixture.vault.fresh(fixture.handle, refusedToken).finally(() => {
      isBack = true
    })
    await fixture.pass(2.8)
    expect(isBack).toBe(false)
    await fixture.pass(0.4)
    expect((await tokens).accessToken).toBe('access-1')
    expect(fixture.client.sent).toEqual([])
  })

  it('waits for nothing when the sign-in has stored its tokens already', async () => {
    const fixture = await youngFixture()
    await fixture.signInElsewhere(9)
    expect((await fixture.vault.fresh(fixture.handle, refusedToken)).accessToken).toBe('access-9')
  })

  it('comes back at once where a sign-in elsewhere kills nothing', async () => {
    const fixture = await youngFixture({ exclusive: false })
    expect((await fixture.vault.fresh(fixture.handle, refusedToken)).accessToken).toBe('access-1')
    expect(fixture.clock.pending).toBe(0)
  })

  it('is signed out of meanwhile: login_required', async () => {
    const fixture = await youngFixture()
    const answer = expect(fixture.vault.fresh(fixture.handle, refusedToken)).rejects.toMatchObject({
      code: 'login_required',
      reason: 'signed_out',
    })
    await fixture.pass(1)
    await fixture.forget()
    await fixture.pass(0.2)
    await answer
  })
})

describe("an exclusive provider's application token", () => {
  const keepSeconds = 30 * 86_400

  /** One process of an application whose client mints its own tokens. */
  function application(fixture: VaultFixture): FixtureProcess {
    const { vault, client, handle } = fixture.process(exclusive)
    const obtaining = Object.assign(client, { obtain: () => client.refresh(fixture.issue(0)) })
    return { vault, client, handle: { ...handle, client: obtaining, keepSeconds } }
  }

  it('is minted once for the first callers of all processes, though the grant begins empty', async () => {
    const fixture = new VaultFixture(exclusive)
    const [one, two] = [application(fixture), application(fixture)]
    one.client.answers.push(() => tokenSetAnswer(fixture.clock.now(), 1, { scope: [] }))
    const first = one.vault.fresh(one.handle, need)
    const others = [one, two, two].map(({ vault, handle }) => vault.fresh(handle, need))
    await fixture.pass(0.5)
    for (const tokens of await Promise.all([first, ...others])) expect(tokens.accessToken).toBe('access-1')
    expect([one.client.sent.length, two.client.sent.length]).toEqual([1, 0])
  })

  it('is minted anew when it has expired or was refused, never while it is young', async () => {
    const fixture = new VaultFixture(exclusive)
    const { vault, client, handle } = application(fixture)
    fixture.willAnswer(1, {}, client)
    await vault.fresh(handle, need)
    await fixture.clock.advance(11)
    fixture.willAnswer(2, {}, client)
    expect((await vault.fresh(handle, refusedToken)).accessToken).toBe('access-2')
    await fixture.clock.advance(lifetimeSeconds)
    fixture.willAnswer(3, {}, client)
    expect((await vault.fresh(handle, need)).accessToken).toBe('access-3')
    expect(client.sent).toHaveLength(3)
  })

  it('that is refused is the operator’s matter, at once: no sign-in will replace it', async () => {
    const fixture = new VaultFixture(exclusive)
    for (const answer of [dead, refused]) {
      const { vault, client, handle } = application(fixture)
      client.answers.push(() => answer)
      await expect(vault.fresh(handle, need)).rejects.toMatchObject({
        code: 'as_misconfigured',
        reason: 'application_refused',
      })
      await fixture.clock.advance(11)
    }
    expect(await fixture.vault.read(fixture.handle)).toMatchObject({ state: 'empty' })
  })

  it('that cannot be had leaves the empty grant for the next try', async () => {
    const fixture = new VaultFixture(exclusive)
    const { vault, client, handle } = application(fixture)
    client.answers.push(() => unavailable)
    await expect(vault.fresh(handle, need)).rejects.toMatchObject({ code: 'as_unavailable' })
    await fixture.clock.advance(11)
    fixture.willAnswer(1, {}, client)
    expect((await vault.fresh(handle, need)).accessToken).toBe('access-1')
  })
})
