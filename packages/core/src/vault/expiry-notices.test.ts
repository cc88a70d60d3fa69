import { describe, expect, it } from 'vitest'
import { type Step, VaultFixture } from './vault.fixture.ts'

const need = { minTtlSeconds: 0 }
const day = 86_400
/** From the middle of January on a month has 31 days. */
const aMonth = { refreshTokenLifetime: { months: 1 }, expiryNoticeDays: 14 }

/** A grant whose access token lives longer than its refresh token, `days` after the authorization. */
async function grantAfter(days: number, provider: object = aMonth, step?: Step) {
  const fixture = new VaultFixture(provider, step)
  const refreshTokenExpiresAt = fixture.clock.now() + 31 * day
  await fixture.signIn({ expiresAt: fixture.clock.now() + 90 * day })
  await fixture.clock.advance(days * day)
  const notice = ['account_expiring', { provider: 'example', accountId: 'ada', refreshTokenExpiresAt }]
  return { fixture, notice }
}

describe('the notice that a refresh token is about to die of age', () => {
  it('is given once, whichever process uses the grant and however often', async () => {
    const { fixture, notice } = await grantAfter(18)
    const processes = [fixture, ...Array.from({ length: 3 }, () => fixture.process(aMonth))]
    for (let round = 0; round < 3; round += 1) {
      const uses = Array.from({ length: 40 }, (_, index) => processes[index % 4] ?? fixture)
      await Promise.all(uses.map(({ vault, handle }) => vault.fresh(handle, need)))
      await fixture.settle()
      await fixture.clock.advance(3 * day)
    }
    expect(fixture.emitted).toEqual([notice])
  })

  it('comes with the first use in the last 14 days, and not before', async () => {
    const { fixture, notice } = await grantAfter(16.9)
    const { vault, handle, clock } = fixture
    await vault.fresh(handle, need)
    await fixture.settle()
    expect(fixture.emitted).toEqual([])
    await clock.advance(0.2 * day)
    await vault.fresh(handle, need)
    await fixture.settle()
    expect(fixture.emitted).toEqual([notice])
  })

  it.each([
    ['after the end', 31.1, aMonth],
    ['with the days set to 0', 30.9, { ...aMonth, expiryNoticeDays: 0 }],
    ['where no lifetime is known', 30.9, {}],
  ])('is not given %s', async (_when, days, provider) => {
    const { fixture } = await grantAfter(days, provider)
    await fixture.vault.fresh(fixture.handle, need)
    await fixture.settle()
    expect(fixture.emitted).toEqual([])
  })

  it('is not repeated after a refresh, and is given anew for a new authorization', async () => {
    const { fixture, notice } = await grantAfter(20)
    const { vault, handle, clock, store, ref } = fixture
    fixture.willAnswer(2, { expiresAt: clock.now() + 90 * day })
    await vault.fresh(handle, { minTtlSeconds: 89 * day })
    await vault.fresh(handle, need)
    await fixture.settle()
    const refreshed = ['refresh', { provider: 'example', accountId: 'ada', refreshCount: 1 }]
    expect(fixture.emitted).toHaveLength(2)
    expect(fixture.emitted).toEqual(expect.arrayContaining([notice, refreshed]))

    const standing = await store.grants.read(ref)
    const grant = await vault.read(handle)
    if (standing === undefined || grant === undefined) throw new Error('The grant is gone.')
    const anew = vault.seal(ref, { ...grant, authorizedAt: clock.now() })
    await store.grants.commit(ref, standing.version, anew)
    await vault.fresh(handle, need)
    await fixture.settle()
    expect(fixture.emitted).toHaveLength(2)
    await clock.advance(20 * day)
    await vault.fresh(handle, need)
    await fixture.settle()
    expect(fixture.emitted.map(([name]) => name).filter((name) => name === 'account_expiring')).toHaveLength(
      2,
    )
  })

  it.each(['before', 'after'] as const)(
    'fails no request when the store goes away %s it is noted, and is given by a later use',
    async (when) => {
      let isAway = true
      const { fixture, notice } = await grantAfter(20, aMonth, (call, moment) => {
        if (isAway && call === 'usedMarkers.take' && moment === when) throw new Error('The store is away.')
      })
      const { vault, handle } = fixture
      expect((await vault.fresh(handle, need)).accessToken).toBe('access-1')
      await fixture.settle()
      expect(fixture.emitted).toEqual([])
      isAway = false
      for (let use = 0; use < 3; use += 1) {
        await fixture.clock.advance(60)
        await vault.fresh(handle, need)
        await fixture.settle()
      }
      expect(fixture.emitted).toEqual([notice])
    },
  )

  it('is not cut off by the end of the process', async () => {
    const { fixture, notice } = await grantAfter(20)
    await fixture.vault.fresh(fixture.handle, need)
    await fixture.vault.close()
    expect(fixture.emitted).toEqual([notice])
  })
})
