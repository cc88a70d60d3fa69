// An app that can be tested: app.ts makes it, this file starts it, app.test.ts plays it through without a network.
import { createApp } from './app.ts'

const { app } = createApp()
app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
