import { setTimeout as delay } from 'node:timers/promises'
import { Agent } from 'undici'

/** Requests at a fixed rate, whether or not earlier ones are answered: as users come. */
export interface PacedLoad {
  readonly url: string
  /** One `Cookie` header per user; they take turns. */
  readonly cookies: readonly string[]
  readonly perSecond: number
  readonly seconds: number
}

/** What a {@link PacedLoad} measured. */
export interface PacedResult {
  /** Of every answered request in their order, from the moment when it was due. */
  readonly latenciesMs: readonly number[]
  readonly failed: number
}

const connections = 64

/** Sends the load and waits for the last answer. */
export async function pacedLoad({ url, cookies, perSecond, seconds }: PacedLoad): Promise<PacedResult> {
  const agent = new Agent({ connections })
  const { origin, pathname } = new URL(url)
  const latenciesMs: number[] = []
  let failed = 0
  const send = async (cookie: string, due: number): Promise<void> => {
    try {
      const { statusCode, body } = await agent.request({
        origin,
        path: pathname,
        method: 'GET',
        headers: { cookie },
      })
      await body.dump()
      if (statusCode === 200) latenciesMs.push(performance.now() - due)
      else failed += 1
    } catch {
      failed += 1
    }
  }
  const total = Math.round(perSecond * seconds)
  const start = performance.now()
  const sent: Promise<void>[] = []
  for (let index = 0; index < total; index += 1) {
    const due = start + (index * 1000) / perSecond
    const waitMs = due - performance.now()
    if (waitMs > 1) await delay(waitMs)
    sent.push(send(cookies[index % cookies.length] ?? '', due))
  }
  await Promise.all(sent)
  await agent.close()
  return { latenciesMs, failed }
}
