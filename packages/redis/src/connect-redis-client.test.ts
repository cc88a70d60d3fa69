import { afterEach, describe, expect, it, vi } from 'vitest'
import type { RedisAppSessions } from './app-sessions.ts'
import { ConnectRedisClient } from './connect-redis-client.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

function fixture() {
  const touched: string[] = []
  const sessions = {
    readAsWritten: async () => ({ text: '{}', ttlMs: 60_000 }),
    touch: async (id: string) => void touched.push(id),
  }
  const clock = vi.spyOn(performance, 'now').mockReturnValue(0)
  // These two are all that is asked.
  const client = new ConnectRedisClient(sessions as unknown as RedisAppSessions)
  return { touched, clock, client }
}

describe('ConnectRedisClient.expire', () => {
  it('sends nothing for what the read of the same request has renewed', async () => {
    const { touched, client } = fixture()
    await client.get('id')
    await client.expire('id', 60)
    expect(touched).toEqual([])
    await client.expire('id', 60)
    expect(touched).toEqual(['id'])
  })

  it('renews by another time than the read did', async () => {
    const { touched, client } = fixture()
    await client.get('id')
    await client.expire('id', 30)
    expect(touched).toEqual(['id'])
  })

  it('renews what was read long ago: a request that never ends keeps its session by that', async () => {
    const { touched, clock, client } = fixture()
    await client.get('id')
    clock.mockReturnValue(10_000)
    await client.expire('id', 60)
    expect(touched).toEqual(['id'])
  })
})
