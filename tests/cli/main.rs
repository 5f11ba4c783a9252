//! The program from the command line: what it does, and what it refuses.

mod attack;
mod basics;
mod bench;
mod compare;
mod corrupted;
mod data;
mod export;
mod field;
mod harness;
mod import;
mod interpret;
mod layers;
mod onnx;
mod predict;
mod report;
mod robust;
mod shift;
mod spectrum;
mod tensorboard;
mod train;
mod visualize;
