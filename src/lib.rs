//! leastgrant

pub mod model;
pub mod config;
pub mod wire;
pub mod catalog;
pub mod cloud;
pub mod source;
pub mod decode;
pub mod aggregate;
pub mod resolve;
pub mod synthesize;
pub mod verify;
pub mod render;
pub mod pipeline;
pub mod report;
pub mod command;
