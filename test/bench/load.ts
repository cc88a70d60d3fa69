import autocannon from 'autocannon'
import { type PacedLoad, type PacedResult, pacedLoad } from './paced-load.ts'
import { type Answers, answerQuestions } from './questions.ts'

// The load, in a process of its own.

/** As many requests as the app can answer. */
export interface FullLoad {
  readonly url: string
  /** One `Cookie` header per user. Each connection has users of its own and takes them in turn. */
  readonly cookies: readonly string[]
  readonly connections: number
  readonly seconds: number
  /** What the body of every answer begins with. */
  readonly answersBegin: string
}

/** What a {@link FullLoad} measured. */
export interface FullLoadResult {
  readonly requests: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Answers that were not the right ones, of whatever kind. */
  readonly failed: number
}

/** What the process of the load answers to. */
export interface LoadAnswers extends Answers {
  readonly full: (load: FullLoad) => Promise<FullLoadResult>
  readonly paced: (load: PacedLoad) => Promise<PacedResult>
}

async function full({ url, cookies, connections, seconds, answersBegin }: FullLoad): Promise<FullLoadResult> {
  const path = new URL(url).pathname
  const requestsOf = (connection: number): autocannon.Request[] =>
    cookies
      .filter((_, index) => index % connections === connection)
      .map((cookie) => ({ method: 'GET', path, headers: { cookie } }))
  let connected = 0
  const result = await autocannon({
    url,
    connections,
    duration: seconds,
    // With fewer users than connections some share one.
    setupClient: (client) => {
      client.setRequests(requestsOf(connected % Math.min(connections, cookies.length)))
      connected += 1
    },
    verifyBody: (body) => String(body).startsWith(answersBegin),
  })
  const { requests, latency, non2xx, errors, timeouts, mismatches } = result
  return {
    requests: requests.total,
    perSecond: requests.total / result.duration,
    p50Ms: latency.p50,
    p99Ms: latency.p99,
    failed: non2xx + errors + timeouts + mismatches,
  }
}

const answers: LoadAnswers = { full, paced: pacedLoad }
answerQuestions(answers)
