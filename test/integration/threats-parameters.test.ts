import { randomBytes } from 'node:crypto'
import { type ApiAccess, oauth2 } from '@latchkey/express'
import { describe, expect, it } from 'vitest'
import { parallel, type Shown, startApi, startApplications } from './applications.fixture.ts'
import { type HarnessServers, startServers } from './harness.fixture.ts'
import { countOf, countTimeoutMs } from './run-counts.fixture.ts'
import { bothWays, startHolding } from './signed-in.fixture.ts'
import { probedStore } from './store-probe.fixture.ts'

const total = countOf({ everyday: 2_000, full: 100_000 })
const atOnce = 200

/** One way to call, and what the API must say of it. */
interface Asked {
  readonly access: ApiAccess
  readonly expected: Shown
}

/**
 * Calls the API `total` times, many at once and mixed. Every few hundred calls the tokens expire or are refused.
 * @returns how many answers were about another token than asked for, and how many different ones there were.
 */
async function mismatches(asked: readonly Asked[], apiOrigin: string, servers: HarnessServers) {
  const { as, clock } = servers
  let wrong = 0
  let calls = 0
  const seen = new Set<string>()
  while (calls < total) {
    await parallel(atOnce, async (index) => {
      const one = asked[(index * 7 + calls) % asked.length]
      const [, call] = bothWays[index % 2] ?? []
      if (one === undefined || call === undefined) throw new Error('nothing to ask')
      const { status, text } = await call(one.access, `${apiOrigin}/things`)
      seen.add(text)
      if (status !== 200 || text !== JSON.stringify(one.expected)) wrong += 1
    })
    calls += atOnce
    const round = calls / atOnce
    await clock.advance(round % 3 === 0 ? 3_601 : 11)
    if (round % 3 === 1) as.expireAccessTokens()
  }
  return { calls, wrong, different: seen.size }
}

describe('case 61: different parameters at once', () => {
  it(
    'case 61: each caller gets the application token of its own scope and audience',
    async () => {
      const applications = await startApplications({ instances: 2 })
      const { api, instances, as } = applications
      const parameters: readonly { readonly scope?: readonly string[]; readonly audience?: string }[] = [
        {},
        { scope: ['read'] },
        { scope: ['write'] },
        { scope: ['read', 'write'] },
        { audience: 'https://a.example' },
        { audience: 'https://b.example' },
        { scope: ['read'], audience: 'https://a.example' },
        { scope: ['read'], audience: 'read' },
        { scope: ['https://a.example'] },
      ]
      const asked = instances.flatMap(({ auth }) =>
        parameters.map(({ scope = [], audience }) => ({
          access: auth.application('example', { scope, ...(audience === undefined ? {} : { audience }) }),
          expected: { owner: 'example-client', scope, audience: audience ?? null },
        })),
      )
      const { calls, wrong, different } = await mismatches(asked, api.origin, applications)
      console.log(
        `case 61: ${calls} mixed calls of ${parameters.length} applications in 2 instances: ${wrong} mismatches, ` +
          `${as.mints.client_credentials} tokens minted`,
      )
      expect([wrong, different]).toEqual([0, parameters.length])
    },
    countTimeoutMs,
  )

  it('case 61: the order of a scope makes no other token, and neither does a repetition', async () => {
    const { app, as } = await startApplications()
    const scopes = [
      ['a', 'b'],
      ['b', 'a'],
      ['a', 'b', 'a'],
    ]
    const values = await parallel(30, async (index) => {
      const scope = scopes[index % scopes.length] ?? []
      return (await app.auth.application('example', { scope }).accessToken()).value
    })
    expect([new Set(values).size, as.mints.client_credentials]).toEqual([1, 1])
  })

  it('case 61: presets of one client whose token requests differ share no token', async () => {
    const servers = await startServers()
    const { as } = servers
    const api = await startApi(as, servers)
    const preset = (id: string, audience: string) =>
      oauth2({
        id,
        authorizationEndpoint: as.endpoints.authorization,
        tokenEndpoint: as.endpoints.token,
        clientId: 'example-client',
        clientSecret: 'example-client-secret',
        resourceOrigins: [api.origin],
        tokenParams: { audience },
      })
    const { auth } = await startHolding({
      servers,
      others: [preset('one', 'https://one.example'), preset('two', 'https://two.example')],
    })
    for (const id of ['one', 'two']) {
      const reply = await auth.application(id as 'example').fetch(api.origin)
      expect(await reply.json()).toMatchObject({ audience: `https://${id}.example` })
    }
  })

  it(
    'case 61: each of one user’s accounts is used with its own token, at one API, in two instances',
    async () => {
      const servers = await startServers({ server: { policy: { rotate: true, reuseKillsFamily: true } } })
      const { as, clock } = servers
      const api = await startApi(as, servers)
      const options = {
        store: probedStore(clock).store,
        secret: randomBytes(32).toString('base64url'),
        keepAccounts: true,
      }
      const provider = { resourceOrigins: [api.origin] }
      const asked: Asked[] = []
      for (let place = 0; place < 2; place += 1) {
        const { auth } = await startHolding({ servers, provider, options })
        if (place === 0) {
          for (const user of ['user-ada', 'user-grace', 'user-linus'])
            await auth.importAccount({
              userId: 'one',
              provider: 'example',
              tokens: as.tokens(user, { scope: [user] }),
            })
        }
        const owner = await auth.user('one')
        for (const account of owner?.accounts ?? [])
          asked.push({
            access: account,
            expected: { owner: account.id, scope: [account.id], audience: null },
          })
        const access = auth.application('example')
        asked.push({ access, expected: { owner: 'example-client', scope: [], audience: null } })
      }
      expect(asked).toHaveLength(8)
      const { calls, wrong, different } = await mismatches(asked, api.origin, servers)
      const { refresh_token: refreshes, client_credentials: minted } = as.mints
      console.log(
        `case 61: ${calls} mixed calls of 3 accounts and the application: ${wrong} mismatches, ` +
          `${refreshes} refreshes, ${minted} tokens minted`,
      )
      expect([wrong, different]).toEqual([0, 4])
      expect(as.grants().filter(({ familyRevoked }) => familyRevoked)).toEqual([])
    },
    countTimeoutMs,
  )
})
