// The app's own token (client credentials): data that belongs to no user, for visitors who never sign in.
import { latchkey, spotify } from '@latchkey/express'
import express from 'express'

const auth = latchkey({ providers: [spotify()] })
const catalogue = auth.application('spotify')
const app = express()
app.use(auth)

app.get('/', async (_req, res) => {
  const reply = await catalogue.fetch('https://api.spotify.com/v1/browse/new-releases')
  res.status(reply.status).json(await reply.json())
})

app.use(auth.errorHandler)
app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
