import { describe, expect, it } from 'vitest'
import { type Crowd, ownerHeader, startCrowd } from './crowd.fixture.ts'
import { type FloodRequest, keepAliveClient } from './flood.fixture.ts'
import { events } from './harness.fixture.ts'
import { countOf, countTimeoutMs } from './run-counts.fixture.ts'
import { publicOrigin } from './two-processes.fixture.ts'

const size = 500
const total = countOf({ everyday: 2_500, full: 100_000 })
const atOnce = 100
/** So many people share a batch, so that each of them comes several times at once, at both instances. */
const together = 20
const ways = ['session', 'main', 'kept', 'job'] as const

/** The same numbers in each run. */
class Dice {
  #state = 56

  /** A whole number below `faces`. */
  roll(faces: number): number {
    // Constants of the "minimal standard" generator of Park and Miller.
    this.#state = (this.#state * 48_271) % 2_147_483_647
    return this.#state % faces
  }
}

/** One request of one person, disturbed or not. */
function requestOf(
  { id, cookie }: Crowd['people'][number],
  dice: Dice,
): FloodRequest & { readonly owner: string } {
  const way = ways[dice.roll(ways.length)] ?? 'session'
  const owner = `${way === 'session' || way === 'main' ? 'main' : 'kept'}/${id}`
  const disturbance = dice.roll(20)
  return {
    path: `/${way}/${dice.roll(2) === 0 ? 'fetch' : 'request'}`,
    headers: {
      host: new URL(publicOrigin).host,
      cookie,
      [ownerHeader]: owner,
      ...(disturbance < 4 ? { 'x-long': '1' } : {}),
      ...(disturbance === 5 ? { 'x-abort': '1' } : {}),
    },
    leaves: disturbance === 6,
    owner,
  }
}

describe('case 56: the token of the wrong user or account', () => {
  it(
    `case 56: never comes, to ${size} people with two accounts each, through refreshes, 401s and aborts`,
    async () => {
      const crowd = await startCrowd(size)
      const { authorizationServers, api, clock, instances, people } = crowd
      const send = keepAliveClient(atOnce)
      const dice = new Dice()
      const answers: Record<string, number> = {}
      let wrongAnswers = 0
      let mostBytes = 0
      const one = async (group: number): Promise<void> => {
        const person = people[(group * together + dice.roll(together)) % size]
        const instance = instances[dice.roll(2)]
        if (person === undefined || instance === undefined) throw new Error('nobody')
        const { owner, ...request } = requestOf(person, dice)
        const { status, text } = await send(instance.origin, request)
        answers[status] = (answers[status] ?? 0) + 1
        if (status === 200 && text !== JSON.stringify({ owner })) wrongAnswers += 1
      }
      const startedAt = performance.now()
      for (let batch = 0; batch < total / atOnce; batch += 1) {
        await crowd.quiet()
        // Old enough to be refreshed; now and then all are expired, or some are refused.
        await clock.advance(batch % 25 === 24 ? 3_601 : 11)
        for (const server of authorizationServers) {
          for (let refused = 0; refused < together / 4; refused += 1)
            server.expireAccessTokens(people[(batch * together + dice.roll(together)) % size]?.id)
        }
        await Promise.all(Array.from({ length: atOnce }, () => one(batch)))
        mostBytes = Math.max(mostBytes, process.memoryUsage.rss())
      }
      const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
      const refreshes = authorizationServers.map(({ mints }) => mints.refresh_token)
      console.log(
        `case 56: ${total} requests of ${size} people at 2 instances, answered ${JSON.stringify(answers)}: ` +
          `${api.server.calls.resource} calls of the API for ${api.owners()} accounts, ${refreshes.join(' + ')} refreshes, ` +
          `${api.wrong()} tokens and ${wrongAnswers} answers of somebody else; ` +
          `${seconds} s, RSS of app, servers and test together ${Math.round(mostBytes / 2 ** 20)} MB`,
      )
      expect([api.wrong(), wrongAnswers]).toEqual([0, 0])
      const { 200: served = 0, 499: aborted = 0, left = 0, ...others } = answers
      expect([served + aborted + left, others]).toEqual([total, {}])
      expect(api.owners()).toBeGreaterThan(1.5 * size)
      expect(Math.min(...refreshes)).toBeGreaterThan(total / 100)
      expect(instances.flatMap((instance) => events(instance, 'refresh.unknown_outcome'))).toEqual([])
      for (const server of authorizationServers) {
        const calls = server.grants().flatMap(({ grantId }) => server.refreshCallsByGeneration(grantId))
        expect(Math.max(...calls)).toBe(1)
        expect(server.grants().filter(({ familyRevoked, revoked }) => familyRevoked || revoked)).toEqual([])
      }
    },
    countTimeoutMs,
  )
})
