//! The API and the ingest function over the real AWS SDK, the emulator and a real redis-server.
//! Every answer to every request of every test is held to openapi.yaml.

mod binaries;
mod client;
mod cloud;
mod contract;
mod edges;
mod emulator;
mod ingest;
mod problems;
mod reach;
mod uploads;
mod videos;
