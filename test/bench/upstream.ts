import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Answers, answerQuestions } from './questions.ts'
import { upstreamAnswer } from './upstream-answer.ts'

// The provider's API: tiny, so that it takes as little of its processor as possible.

/** What the process of the API answers to. */
export interface UpstreamAnswers extends Answers {
  readonly origin: () => Promise<string>
}

const server = createServer((req, res) => {
  const [, token] = /^Bearer (.+)$/.exec(req.headers.authorization ?? '') ?? []
  if (token === undefined) return void res.writeHead(401).end()
  const text = JSON.stringify(upstreamAnswer(token))
  res.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
  res.end(text)
})
const listening = new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

const answers: UpstreamAnswers = {
  origin: async () => {
    await listening
    const { port } = server.address() as AddressInfo // a TCP server has no other kind of address
    return `http://127.0.0.1:${port}`
  },
}
answerQuestions(answers)
